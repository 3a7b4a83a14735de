/**
 * Our page among an admin's settings where the host keeps these on pages of their own, such as
 * `/admin/settings/models`. Ours has an address of the same kind: its tab is a link that the host's
 * router follows, so back, forward and reloading do what they do for the host's.
 */
import { ADMIN_SEGMENT, mounts, noteBuiltIn, type Mount } from './mounts';
import { Panel } from './panel';
import { complain, shielded } from './shield';
import { dress, setClass, setLabel, type TabParts } from './tab';
import { wordsOf } from './words';

export const ADMIN_TABS = 'admin-settings-tabs-container';
export const ADMIN_PATH = '/admin/settings';

export class AdminPage {
  readonly container: HTMLElement;
  readonly #observer = new MutationObserver(shielded(() => this.#sync()));
  readonly #listening = new AbortController();
  readonly #looks = { selected: '', idle: '' };
  #parts: TabParts | null = null;
  #panel: Panel | null = null;
  #muted: { tab: HTMLElement; className: string } | null = null;

  constructor(container: HTMLElement) {
    this.container = container;
    this.#observer.observe(container, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
      attributeFilter: ['class'],
    });
    const { signal } = this.#listening;
    container.addEventListener('click', shielded(this.#onClick), { capture: true, signal });
    window.addEventListener('popstate', shielded(this.#follow), { signal });
    this.#sync();
    this.#follow();
  }

  forget(): void {
    this.#observer.disconnect();
    this.#listening.abort();
    this.#panel?.remove();
    this.#parts?.tab.remove();
  }

  #mount(): Mount | undefined {
    return mounts().find(({ place }) => place === 'admin');
  }

  #hostTabs(): HTMLElement[] {
    return [...this.container.querySelectorAll<HTMLElement>(':scope > button[id]')];
  }

  #hostPanel(): HTMLElement | null {
    return this.container.nextElementSibling as HTMLElement | null;
  }

  /** The host shows its first page wherever it does not know the address, and so for ours. */
  #hostSelected(): HTMLElement | undefined {
    const tabs = this.#hostTabs();
    return tabs.find(({ id }) => id === segment()) ?? tabs[0];
  }

  #sync(): void {
    noteBuiltIn(this.container);
    const mount = this.#mount();
    const [model] = this.#hostTabs().slice(-1);
    if (!model || !this.#hostPanel()) {
      complain(`#${ADMIN_TABS} holds no tabs, or has no panel beside it`);
      return;
    }
    if (!mount) return;
    this.#learn();
    if (this.#panel) this.#mute();
    this.#parts ??= this.#makeTab(mount, model);
    setLabel(this.#parts.label, wordsOf(mount).label);
    if (model.nextElementSibling !== this.#parts.tab) model.after(this.#parts.tab);
    this.#paint();
  }

  #learn(): void {
    if (this.#panel) return;
    const selected = this.#hostSelected();
    const idle = this.#hostTabs().findLast((tab) => tab !== selected);
    this.#looks.selected = selected?.className ?? '';
    this.#looks.idle = idle?.className ?? '';
  }

  #makeTab(mount: Mount, model: Element): TabParts {
    const link = document.createElement('a');
    link.href = `${ADMIN_PATH}/${ADMIN_SEGMENT}`;
    return dress(link, mount, model);
  }

  #paint(): void {
    if (!this.#parts) return;
    const { tab } = this.#parts;
    const open = this.#panel !== null;
    setClass(tab, open ? this.#looks.selected : this.#looks.idle);
    if (open) tab.setAttribute('aria-current', 'page');
    else tab.removeAttribute('aria-current');
  }

  /** While ours is open, the host's selected tab must not look selected. */
  #mute(): void {
    const tab = this.#hostSelected();
    if (!tab || tab.className === this.#looks.idle) return;
    this.#muted = { tab, className: tab.className };
    tab.className = this.#looks.idle;
  }

  #follow = (): void => {
    if (segment() === ADMIN_SEGMENT) this.#show();
    else this.#close();
  };

  #show(): void {
    const mount = this.#mount();
    const hostPanel = this.#hostPanel();
    if (this.#panel || !mount || !hostPanel || !this.#parts) return;
    this.#panel = new Panel(mount, wordsOf(mount), hostPanel);
    this.#panel.root.setAttribute('role', 'region');
    this.#panel.root.setAttribute('aria-labelledby', mount.tabId);
    this.#sync();
    this.#parts.tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  #close(): void {
    if (!this.#panel) return;
    this.#panel.remove();
    this.#panel = null;
    if (this.#muted) this.#muted.tab.className = this.#muted.className;
    this.#muted = null;
    this.#paint();
  }

  #onClick = (event: MouseEvent): void => {
    const tab = event.target instanceof Element ? event.target.closest('a, button') : null;
    if (!tab || event.button !== 0) return;
    if (tab !== this.#parts?.tab) this.#close();
    // With one of these keys the browser opens a window of its own.
    else if (!event.ctrlKey && !event.metaKey && !event.shiftKey) this.#show();
  };
}

function segment(): string {
  return location.pathname.split('/').at(-1) ?? '';
}
