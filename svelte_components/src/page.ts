/**
 * A page of our own, without the host's front end around it: for links from statements and mails,
 * and for hosts whose settings dialog is not as expected. It uses the host's session.
 */
import { moduleLoader } from './assets/modules';
import { stored } from './host/host';
import { loadLocale } from './locale/languages';
import { readConfig } from './page/config';
import { pageEdition } from './page/edition';
import style from './page/page.css?inline';
import { findHostName, findSession } from './page/session';
import { drawPage } from './page/shell';
import { followTheme } from './page/theme';

async function start(): Promise<void> {
  followTheme();
  document.head.append(Object.assign(document.createElement('style'), { textContent: style }));
  const load = moduleLoader(readConfig());
  const [locale, session, name] = await Promise.all([
    loadLocale(stored('locale'), pageEdition),
    findSession(),
    findHostName(),
  ]);
  const { documentElement: root } = document;
  root.lang = locale.tag;
  root.dir = locale.direction;
  drawPage({ say: (key) => locale.t(key), name, session, load });
}

void start();
