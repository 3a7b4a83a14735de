/**
 * Open WebUI's settings dialog as far as the loader sees it, in the shapes of 0.12.4 (two lists of
 * tabs inside a `nav`) and 0.6.18 (the container is the list). It behaves like the host: it keeps
 * its own idea of the selected tab and writes to a tab only when that idea changes.
 */

export type Shape = '0.12.4' | '0.6.18';

const PERSONAL = ['general', 'usage', 'account', 'about'];
const ADMIN = ['admin-general', 'admin-analytics', 'admin-db'];

const look = (selected: boolean) => (selected ? 'tab selected' : 'tab idle');

export interface HostDialog {
  /** The host's own tab, by its panel's name. */
  tab(name: string): HTMLElement;
  container: HTMLElement;
  panel: HTMLElement;
  search: HTMLInputElement;
  /** Types into the search; the host draws only the tabs that match. */
  type(text: string): void;
  /** Selects a tab without a click, as Enter in the search does. */
  select(name: string): void;
  close(): void;
}

export interface HostDialogOptions {
  admin?: boolean;
  /** Tabs that a front end brings which was built with ours in it, by panel and module name. */
  builtIn?: Record<string, string>;
  /** Changes what is drawn, each time, as another version of the host might. */
  mutate?: (modal: HTMLElement) => void;
}

export function openHostDialog(
  shape: Shape,
  { admin = true, builtIn = {}, mutate }: HostDialogOptions = {},
): HostDialog {
  const modal = document.createElement('div');
  modal.setAttribute('role', 'dialog');
  const search = document.createElement('input');
  const panel = document.createElement('div');
  panel.className = 'panel';
  const container = document.createElement(shape === '0.12.4' ? 'nav' : 'div');
  container.id = 'settings-tabs-container';
  const close = document.createElement('button');
  close.textContent = 'Back';
  const strip = shape === '0.12.4' ? document.createElement('div') : container;
  strip.classList.add('tabs');
  const head = document.createElement(shape === '0.12.4' ? 'span' : 'div');
  if (shape === '0.12.4') {
    container.append(close, search, strip);
    head.textContent = 'Personal';
  } else {
    container.setAttribute('role', 'tablist');
    modal.append(close);
    head.append(search);
  }
  strip.append(head);
  modal.append(container, panel);

  let selected = 'general';
  let query = '';
  const drawn = new Map<string, HTMLElement>();

  function makeTab(name: string): HTMLElement {
    const tab = document.createElement('button');
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-controls', `tab-${name}`);
    tab.setAttribute('aria-selected', String(name === selected));
    const module = builtIn[name];
    if (module) tab.setAttribute('data-mai-usage', module);
    tab.className = look(name === selected);
    const icon = '<svg class="icon"></svg>';
    tab.innerHTML =
      shape === '0.12.4'
        ? `${icon}<span class="label">${name}</span>`
        : `<div class="frame">${icon}</div><div class="label">${name}</div>`;
    tab.addEventListener('click', () => select(name));
    return tab;
  }

  function select(name: string): void {
    if (name === selected) return;
    for (const [changed, on] of [
      [selected, false],
      [name, true],
    ] as const) {
      drawn.get(changed)?.setAttribute('aria-selected', String(on));
      const tab = drawn.get(changed);
      if (tab) tab.className = look(on);
    }
    selected = name;
    panel.textContent = name;
  }

  function makeList(label: string): HTMLElement {
    const list = document.createElement('div');
    list.setAttribute('role', 'tablist');
    list.setAttribute('aria-label', label);
    if (label === 'Admin') {
      const heading = document.createElement('span');
      heading.textContent = label;
      strip.append(document.createElement('div'), heading);
    }
    strip.append(list);
    return list;
  }

  function draw(): void {
    for (const each of [...strip.children]) if (each !== head) each.remove();
    drawn.clear();
    const matching = (names: string[]) => names.filter((name) => name.includes(query));
    const lists = { Personal: [...PERSONAL, ...Object.keys(builtIn)], Admin: [] as string[] };
    if (admin && shape === '0.12.4') lists.Admin = ADMIN;
    for (const [label, all] of Object.entries(lists)) {
      const names = matching(all);
      if (names.length === 0) continue;
      const list = shape === '0.12.4' ? makeList(label) : strip;
      for (const name of names) {
        const tab = makeTab(name);
        drawn.set(name, tab);
        list.append(tab);
      }
    }
    if (drawn.size === 0) {
      const note = document.createElement('div');
      note.textContent = 'No matches';
      strip.append(note);
    }
    mutate?.(modal);
  }

  panel.textContent = selected;
  draw();
  document.body.append(modal);
  return {
    tab(name) {
      const tab = drawn.get(name);
      if (!tab) throw new Error(`the dialog does not show ${name}`);
      return tab;
    },
    container,
    panel,
    search,
    type(text) {
      search.value = text;
      query = text;
      draw();
      search.dispatchEvent(new Event('input', { bubbles: true }));
    },
    select,
    close: () => modal.remove(),
  };
}
