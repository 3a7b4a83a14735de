/**
 * The page `/admin/settings/…` of Open WebUI 0.6.18 as far as the loader sees it. It behaves like
 * the host: a tab changes the address, an unknown address shows the first page, and classes are
 * written only when the host's own idea of the selected tab changes.
 */
import { settled } from './loader';

const TABS = ['general', 'models', 'db'];

export interface HostAdminPage {
  tab(name: string): HTMLElement;
  panel: HTMLElement;
  /** The tabs that look selected. */
  selected(): string[];
  /** Back or forward to one of the pages. */
  travel(segment: string): Promise<void>;
  /** To a page outside of the admins' area. */
  leave(): Promise<void>;
}

interface Options {
  path?: string;
  mutate?: (root: HTMLElement) => void;
}

export async function openAdminPage(
  segment: string,
  { path = '/admin/settings', mutate }: Options = {},
): Promise<HostAdminPage> {
  history.replaceState(null, '', `${path}/${segment}`);
  const root = document.createElement('div');
  root.innerHTML = `
    <div id="admin-settings-tabs-container">
      ${TABS.map((id) => `<button id="${id}" class="tab idle"><div><svg class="icon"></svg></div><div>${id}</div></button>`).join('')}
    </div>
    <div class="panel"></div>`;
  const panel = root.querySelector<HTMLElement>('.panel') as HTMLElement;
  const tab = (name: string) => root.querySelector<HTMLElement>(`#${name}`) as HTMLElement;
  let selected = '';

  function show(): void {
    const asked = location.pathname.split('/').at(-1) ?? '';
    const next = TABS.includes(asked) ? asked : 'general';
    if (next === selected) return;
    if (selected) tab(selected).className = 'tab idle';
    tab(next).className = 'tab selected';
    selected = next;
    panel.textContent = next;
  }

  root.addEventListener('click', (event) => {
    const target = (event.target as Element).closest('button, a');
    if (!target || event.ctrlKey) return;
    event.preventDefault();
    const address = target.getAttribute('href') ?? `/admin/settings/${target.id}`;
    setTimeout(() => {
      history.pushState(null, '', address);
      show();
    });
  });
  show();
  mutate?.(root);
  const app = document.createElement('div');
  document.body.append(app);
  document.title = `Admin Panel ${segment}`;
  await settled();
  app.append(root);
  await settled();
  return {
    tab,
    panel,
    selected: () => TABS.filter((id) => tab(id).className === 'tab selected'),
    async travel(to) {
      history.replaceState(null, '', `/admin/settings/${to}`);
      window.dispatchEvent(new PopStateEvent('popstate'));
      show();
      await settled();
      await settled();
    },
    async leave() {
      history.replaceState(null, '', '/');
      root.remove();
      document.title = 'Chats';
      await settled();
    },
  };
}
