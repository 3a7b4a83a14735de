/** The page around the elements: its header, its tabs, and what it says when there is no session. */
import type { LoadModule } from '../assets/modules';
import type { PageKey } from '../locale/keys';
import { made } from './dom';
import { signInAddress, type Session } from './session';
import { makeTabs, type Tab } from './tabs';

interface Shell {
  say: (key: PageKey) => string;
  /** What the reseller calls the installation. */
  name: string;
  session: Session;
  load: LoadModule;
}

interface Part {
  id: string;
  label: PageKey;
  module: string;
  element: string;
}

const OWN: Part = {
  id: 'organization',
  label: 'page.organization',
  module: 'organization-usage',
  element: 'mai-organization-usage',
};
const ADMIN: Part = {
  id: 'administration',
  label: 'page.administration',
  module: 'admin',
  element: 'mai-usage-admin',
};

export function drawPage(shell: Shell): void {
  const { say, name, session } = shell;
  document.title = name ? `${say('page.title')} · ${name}` : say('page.title');
  const parts = partsOf(session).map((part) => tabOf(part, shell));
  const header = made('header', {}, brand(shell));
  const main = made('main', {}, ...parts.map(({ panel }) => panel));
  if (parts.length > 1) header.append(tabsOf(parts, say));
  else if (parts[0]) parts[0].open();
  else main.append(excuse(shell));
  document.body.replaceChildren(header, main);
}

function partsOf(session: Session): Part[] {
  if (typeof session === 'string') return [];
  return session.isAdmin ? [OWN, ADMIN] : [OWN];
}

function brand({ say, name }: Shell): HTMLElement {
  const icon = made('img', { src: '/static/favicon.png', alt: '', width: '24', height: '24' });
  const link = made('a', { href: '/', class: 'home', title: say('page.back') }, icon);
  link.append(made('bdi', {}, name || say('page.back')));
  return made('div', { class: 'brand' }, link, made('h1', {}, say('page.title')));
}

/** The tab that is open stands behind the `#` of the address, so that a link leads to it. */
function tabsOf(tabs: readonly Tab[], say: Shell['say']): HTMLElement {
  const wanted = () => location.hash.slice(1);
  const note = (id: string) => history.replaceState(history.state, '', `#${id}`);
  const made = makeTabs(tabs, say('page.title'), note);
  made.select(wanted());
  window.addEventListener('hashchange', () => made.select(wanted()));
  return made.list;
}

function tabOf(part: Part, shell: Shell): Tab {
  const panel = made('section', {});
  const open = () => {
    panel.replaceChildren(document.createElement(part.element));
    shell.load(part.module).catch((error: unknown) => {
      console.warn(`mai_usage_ext: ${part.module} is not available:`, error);
      panel.replaceChildren(apology(shell, open));
    });
  };
  return { id: part.id, label: shell.say(part.label), panel, open };
}

function apology({ say }: Shell, again: () => void): HTMLElement {
  const retry = made('button', { type: 'button', class: 'action' }, say('page.retry'));
  retry.addEventListener('click', again);
  return made('div', { class: 'note', role: 'alert' }, made('p', {}, say('page.notLoaded')), retry);
}

function excuse({ say, session }: Shell): HTMLElement {
  if (session === 'unreachable') {
    const retry = made('button', { type: 'button', class: 'action' }, say('page.retry'));
    retry.addEventListener('click', () => location.reload());
    return made('div', { class: 'note' }, made('p', {}, say('page.unreachable')), retry);
  }
  const link = made('a', { href: signInAddress(), class: 'action' }, say('page.signIn'));
  return made('div', { class: 'note' }, made('p', {}, say('page.signedOut')), link);
}
