/** Tabs after the WAI-ARIA pattern: one of them is in the order of focus, arrows choose another. */
import { made } from './dom';

export interface Tab {
  id: string;
  label: string;
  panel: HTMLElement;
  /** Called when it is first seen, so that nobody loads what nobody looks at. */
  open: () => void;
}

export interface Tabs {
  list: HTMLElement;
  /** Selects a tab by its id; the first one where there is none of that id. */
  select: (id: string) => void;
}

export function makeTabs(
  tabs: readonly Tab[],
  label: string,
  onselect: (id: string) => void,
): Tabs {
  const opened = new Set<Tab>();
  const buttons = tabs.map(({ id, label, panel }) => {
    const button = made('button', { type: 'button', role: 'tab', id: `tab-${id}` }, label);
    button.setAttribute('aria-controls', `panel-${id}`);
    panel.id = `panel-${id}`;
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', button.id);
    return button;
  });

  function show(index: number): void {
    tabs.forEach((tab, each) => {
      const isSelected = each === index;
      tab.panel.hidden = !isSelected;
      buttons[each]?.setAttribute('aria-selected', String(isSelected));
      buttons[each]?.setAttribute('tabindex', isSelected ? '0' : '-1');
    });
    const tab = tabs[index];
    if (!tab || opened.has(tab)) return;
    opened.add(tab);
    tab.open();
  }

  function choose(index: number): void {
    const tab = tabs[index];
    if (!tab) return;
    show(index);
    buttons[index]?.focus();
    onselect(tab.id);
  }

  const list = made('div', { role: 'tablist', 'aria-label': label, class: 'tabs' }, ...buttons);
  buttons.forEach((button, index) => button.addEventListener('click', () => choose(index)));
  list.addEventListener('keydown', (event) => {
    const next = target(event.key, buttons.indexOf(event.target as HTMLButtonElement), tabs.length);
    if (next === null) return;
    event.preventDefault();
    choose(next);
  });
  return {
    list,
    select: (id) =>
      show(
        Math.max(
          0,
          tabs.findIndex((tab) => tab.id === id),
        ),
      ),
  };
}

/** Where a key leads; arrows follow the direction of reading and go round. */
function target(key: string, index: number, count: number): number | null {
  const forward = document.documentElement.dir === 'rtl' ? -1 : 1;
  const steps: Record<string, number> = { ArrowRight: forward, ArrowLeft: -forward };
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  const step = steps[key];
  return step === undefined ? null : (index + step + count) % count;
}
