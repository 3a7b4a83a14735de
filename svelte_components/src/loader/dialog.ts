/**
 * Our tabs in the host's settings dialog. The host's own tabs and panels are only borrowed (one
 * class, one attribute and one `display`) and always given back.
 */
import { mounts, noteBuiltIn, type Mount, type Place } from './mounts';
import { warmUp } from './module';
import { Panel } from './panel';
import { takeRequest } from './request';
import { complain, shielded } from './shield';
import { isList, Stage } from './stage';
import { dress, setAttribute, setClass, setLabel, type TabParts } from './tab';
import { finds, wordsOf } from './words';

export const DIALOG_TABS = 'settings-tabs-container';

// Another guest may want the same place: we do not fight for it without end.
const MOST_MOVES = 200;

/** The classes of the host's tabs as last seen, kept for when a search leaves none to look at. */
const looks = { selected: '', idle: '' };

interface Muted {
  tab: HTMLElement;
  panelId: string | null;
  className: string;
}

export class SettingsDialog {
  readonly container: HTMLElement;
  readonly #observer = new MutationObserver(shielded(() => this.#sync()));
  readonly #listening = new AbortController();
  readonly #tabs = new Map<Mount, TabParts>();
  readonly #stages = new Map<Place, Stage>();
  #open: { mount: Mount; panel: Panel } | null = null;
  #muted: Muted | null = null;
  #note: HTMLElement | null = null;
  #moves = 0;
  /** What a link asked for, until its tab is there or somebody chooses another. */
  #requested: Mount | undefined;

  constructor(container: HTMLElement) {
    this.container = container;
    this.#observer.observe(container, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
      attributeFilter: ['aria-selected'],
    });
    const { signal } = this.#listening;
    const capture = true;
    container.addEventListener('click', shielded(this.#onClick), { capture, signal });
    container.addEventListener('keydown', shielded(this.#onKeydown), { capture, signal });
    container.addEventListener('input', shielded(this.#sync), { signal });
    this.#requested = takeRequest();
    this.#sync();
  }

  /** The dialog is gone. Whoever may still hold it must not hold ours with it. */
  forget(): void {
    this.#observer.disconnect();
    this.#listening.abort();
    this.#open?.panel.remove();
    for (const { tab } of this.#tabs.values()) tab.remove();
    for (const stage of this.#stages.values()) stage.remove();
  }

  /** Brings our tabs in line with the dialog. Runs after every change of the tabs; idempotent. */
  #sync = (): void => {
    const tabs = this.#hostTabs();
    noteBuiltIn(this.container);
    this.#learn(tabs);
    if (this.#open) this.#yieldOrMute(tabs);
    if (!looks.idle || !this.#hostPanel()) {
      complain(`#${DIALOG_TABS} holds no tabs, or has no panel beside it`);
    }
    for (const mount of mounts()) this.#syncTab(mount, tabs);
    this.#updateNote();
    if (this.#requested && this.#isShown(this.#requested)) this.#show(this.#requested);
  };

  #syncTab(mount: Mount, tabs: HTMLElement[]): void {
    const words = wordsOf(mount);
    if (this.#isWanted(mount) && finds(this.#search(), words.haystack)) {
      const parts = this.#tabs.get(mount) ?? this.#makeTab(mount, tabs);
      setLabel(parts.label, words.label);
      this.#place(mount, parts.tab, tabs);
      this.#paint(mount);
    } else {
      this.#tabs.get(mount)?.tab.remove();
      this.#stages.get(mount.place)?.remove();
    }
  }

  /** The admins' tabs are there for admins only, so their list tells who the reader is. */
  #isWanted({ place }: Mount): boolean {
    if (!signedIn() || !looks.idle || !this.#hostPanel()) return false;
    return place === 'personal' || this.#stages.has('admin');
  }

  #isShown(mount: Mount): boolean {
    return this.#tabs.get(mount)?.tab.isConnected ?? false;
  }

  #hostTabs(): HTMLElement[] {
    const tabs = this.container.querySelectorAll<HTMLElement>('[role="tab"]');
    return [...tabs].filter((tab) => !this.#isOurs(tab));
  }

  #isOurs(tab: Element): boolean {
    return [...this.#tabs.values()].some((parts) => parts.tab === tab);
  }

  #hostPanel(): HTMLElement | null {
    return this.container.nextElementSibling as HTMLElement | null;
  }

  #search(): string {
    return this.container.querySelector('input')?.value ?? '';
  }

  /** Learns how the host's tabs and lists look from those we have not touched. */
  #learn(tabs: HTMLElement[]): void {
    for (const tab of tabs) {
      if (tab !== this.#muted?.tab) looks[isSelected(tab) ? 'selected' : 'idle'] = tab.className;
      const list = tab.parentElement;
      const place = placeOf(tab);
      if (list && list !== this.container && isList(list) && !this.#stages.has(place)) {
        this.#stages.set(place, new Stage(list));
      }
    }
  }

  #makeTab(mount: Mount, tabs: HTMLElement[]): TabParts {
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('role', 'tab');
    button.setAttribute('aria-controls', mount.panelId);
    button.addEventListener(
      'click',
      shielded(() => this.#show(mount)),
    );
    const parts = dress(button, mount, tabs.find((tab) => placeOf(tab) === mount.place) ?? tabs[0]);
    this.#tabs.set(mount, parts);
    // Everybody's tab is opened more often than not; the admins' weighs more and is for few.
    if (mount.place === 'personal') warmUp(mount.module);
    return parts;
  }

  /** Puts the tab where it belongs, unless it is there already: an insertion wakes the observer. */
  #place(mount: Mount, tab: HTMLElement, tabs: HTMLElement[]): void {
    const own = tabs.filter((each) => placeOf(each) === mount.place);
    const neighbour =
      mount.neighbours
        .map((id) => own.find((each) => each.getAttribute('aria-controls') === id))
        .find(Boolean) ?? own.at(-1);
    const stage = this.#stages.get(mount.place);
    if (neighbour) {
      stage?.remove();
      this.#insert(tab, neighbour);
    } else if (stage) {
      const before = this.#stagesAnchor(mount.place);
      if (before && this.#mayMove() && stage.putAfter(before)) this.#moves += 1;
      if (tab.parentElement !== stage.list) stage.list.append(tab);
    } else {
      const before = this.#strip()?.firstElementChild;
      if (before) this.#insert(tab, before);
    }
  }

  #insert(tab: HTMLElement, before: Element): void {
    if (before.nextElementSibling === tab || !this.#mayMove()) return;
    this.#moves += 1;
    before.after(tab);
  }

  #mayMove(): boolean {
    return this.#moves < MOST_MOVES;
  }

  #strip(): Element | null {
    return this.container.matches('.tabs') ? this.container : this.container.querySelector('.tabs');
  }

  /** The personal stage stands behind the strip's first heading, the admins' behind all other lists. */
  #stagesAnchor(place: Place): Element | null | undefined {
    const strip = this.#strip();
    const first = strip?.firstElementChild;
    if (place === 'personal') return first;
    const own = this.#stages.get(place)?.list;
    const lists = [...(strip?.children ?? [])].filter((each) => isList(each) && each !== own);
    return lists.at(-1) ?? first;
  }

  /** The host says "No matches" when only we match; it is wrong then, and right again later. */
  #updateNote(): void {
    const lonely = this.#hostTabs().length === 0 && mounts().some((mount) => this.#isShown(mount));
    const plain = [...(this.#strip()?.children ?? [])].filter(
      (each) => each.matches('div') && each.childElementCount === 0 && each.textContent?.trim(),
    );
    const note = lonely ? ((plain.at(-1) as HTMLElement | undefined) ?? null) : null;
    if (this.#note !== note) this.#note?.style.removeProperty('display');
    note?.style.setProperty('display', 'none');
    this.#note = note;
  }

  #paint(mount: Mount): void {
    const tab = this.#tabs.get(mount)?.tab;
    if (!tab) return;
    const selected = this.#open?.mount === mount;
    setClass(tab, (selected && looks.selected) || looks.idle);
    setAttribute(tab, 'aria-selected', String(selected));
  }

  /**
   * While ours is open, the host's selected tab must not look selected. When the host selects
   * another one by itself (Enter in the search does that), ours gives way.
   */
  #yieldOrMute(tabs: HTMLElement[]): void {
    const tab = tabs.find(isSelected);
    if (!tab) return;
    const panelId = tab.getAttribute('aria-controls');
    if (this.#muted && this.#muted.panelId !== panelId) {
      this.#muted = null;
      this.#close();
      return;
    }
    this.#muted = { tab, panelId, className: tab.className };
    tab.setAttribute('aria-selected', 'false');
    if (looks.idle) tab.className = looks.idle;
  }

  #unmute(): void {
    if (!this.#muted) return;
    const { tab, className } = this.#muted;
    this.#muted = null;
    tab.className = className;
    tab.setAttribute('aria-selected', 'true');
  }

  #show(mount: Mount): void {
    this.#requested = undefined;
    if (this.#open?.mount === mount) return;
    this.#close();
    const hostPanel = this.#hostPanel();
    if (!hostPanel) throw new Error('no panel beside the tabs');
    const panel = new Panel(mount, wordsOf(mount), hostPanel);
    panel.root.setAttribute('role', 'tabpanel');
    panel.root.setAttribute('aria-labelledby', mount.tabId);
    panel.addTurnstile(() =>
      (this.container.closest('[role="dialog"]') ?? this.container).querySelector('button'),
    );
    this.#open = { mount, panel };
    this.#sync();
    this.#tabs.get(mount)?.tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  /** Takes our panel away and gives the host's back. */
  #close(): void {
    if (!this.#open) return;
    const { mount, panel } = this.#open;
    this.#open = null;
    this.#unmute();
    panel.remove();
    this.#paint(mount);
  }

  #onClick = (event: Event): void => {
    const tab = event.target instanceof Element ? event.target.closest('[role="tab"]') : null;
    if (tab) this.#requested = undefined;
    // In the capture phase, so that the host finds its tabs as it left them.
    if (tab && !this.#isOurs(tab)) this.#close();
  };

  #onKeydown = (event: KeyboardEvent): void => {
    const inSearch = event.target instanceof HTMLInputElement;
    // Enter opens the first match, which the host does itself wherever it has one.
    if (event.key !== 'Enter' || !inSearch || this.#hostTabs().length > 0) return;
    const match = mounts().find((mount) => this.#isShown(mount));
    if (match) this.#show(match);
  };
}

function placeOf(tab: Element): Place {
  return (tab.getAttribute('aria-controls') ?? '').startsWith('tab-admin-') ? 'admin' : 'personal';
}

function isSelected(tab: Element): boolean {
  return tab.getAttribute('aria-selected') === 'true';
}

function signedIn(): boolean {
  try {
    return Boolean(localStorage.getItem('token'));
  } catch {
    return false;
  }
}
