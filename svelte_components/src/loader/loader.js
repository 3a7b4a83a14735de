/*
 * Adds the tab "Organization usage" to Open WebUI's user settings dialog.
 *
 * A guest's rules: the host's own tabs and panels are only borrowed (one class, one attribute and
 * one `display`) and always given back; where the dialog is not built as expected there is no tab;
 * an error of ours ends in one line on the console and never in the host.
 *
 * The server replaces the placeholder below with the address of the built module.
 */
(() => {
  'use strict';

  const MODULE_URL = '__MAI_USAGE_MODULE__';
  const ELEMENT = 'mai-organization-usage';
  const CONTAINER_ID = 'settings-tabs-container';
  const TAB_ID = 'mai-usage-tab';
  const PANEL_ID = 'tab-organization-usage';
  const LABEL = 'Organization usage';
  const FAILED = 'Organization usage could not be loaded. Reload the page to try again.';
  const KEYWORDS =
    'billing bill budget cost costs company currency dollars limit money month organisation ' +
    'price requests spend spending statistics team today tokens trend';
  const HAYSTACK = `${LABEL} ${KEYWORDS}`.toLowerCase();
  // The tabs ours stands behind, the best neighbour first.
  const NEIGHBOURS = ['tab-usage', 'tab-data_controls', 'tab-data-controls', 'tab-chats'];
  // Another guest may want the same place: we do not fight for it without end.
  const MOST_MOVES = 200;
  const ICON = 'M4 20V10m5.3 10V4m5.4 16v-7M20 20V7';
  const SVG = 'http://www.w3.org/2000/svg';
  const MARK = '__maiUsageLoader';

  if (MARK in window) return;
  Object.defineProperty(window, MARK, { value: true, configurable: true });

  /**
   * What belongs to the dialog that is open now, null when there is none.
   * @type {null | {
   *   container: HTMLElement, observer: MutationObserver, listening: AbortController, tab: HTMLElement | null,
   *   open: null | {panel: HTMLElement, hostPanel: HTMLElement, hostDisplay: string},
   *   muted: null | {tab: HTMLElement, panelId: string | null, className: string},
   *   note: null | HTMLElement,
   *   moves: number,
   * }}
   */
  let dialog = null;
  // The classes of the host's tabs as last seen, kept for when a search leaves none to look at.
  const looks = { selected: '', idle: '' };
  let complained = false;

  /** @param {unknown} error */
  function complain(error) {
    if (complained) return;
    complained = true;
    console.warn('mai_usage_ext: the tab "Organization usage" is not available:', error);
  }

  /**
   * Runs ours so that the host never notices when it fails.
   * @template {unknown[]} A
   * @param {(...args: A) => void} work
   * @returns {(...args: A) => void}
   */
  function shielded(work) {
    return (...args) => {
      try {
        work(...args);
      } catch (error) {
        complain(error);
      }
    };
  }

  function signedIn() {
    try {
      return Boolean(localStorage.token);
    } catch {
      return false;
    }
  }

  /** @param {Element} tab */
  const isSelected = (tab) => tab.getAttribute('aria-selected') === 'true';

  /**
   * @param {HTMLElement} container
   * @returns {HTMLElement[]}
   */
  function hostTabs(container) {
    const tabs = /** @type {NodeListOf<HTMLElement>} */ (
      container.querySelectorAll('[role="tab"]')
    );
    return [...tabs].filter((tab) => tab.id !== TAB_ID);
  }

  /** @param {Element} tab */
  const isPersonal = (tab) => !(tab.getAttribute('aria-controls') ?? '').startsWith('tab-admin-');

  /** @param {HTMLElement} container */
  function searched(container) {
    const words = (container.querySelector('input')?.value ?? '').toLowerCase().match(/\S+/g) ?? [];
    return words.every((word) => HAYSTACK.includes(word));
  }

  /** @param {string} className */
  function icon(className) {
    const svg = document.createElementNS(SVG, 'svg');
    const path = document.createElementNS(SVG, 'path');
    const drawing = {
      class: className,
      viewBox: '0 0 24 24',
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': '2',
      'stroke-linecap': 'round',
      'aria-hidden': 'true',
    };
    for (const [name, value] of Object.entries(drawing)) svg.setAttribute(name, value);
    path.setAttribute('d', ICON);
    svg.append(path);
    return svg;
  }

  /**
   * A tab built like its neighbour: the same elements and classes, with our icon and label.
   * @param {Element | undefined} model
   */
  function makeTab(model) {
    const tab = document.createElement('button');
    tab.type = 'button';
    tab.id = TAB_ID;
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-controls', PANEL_ID);
    const svg = icon(model?.querySelector('svg')?.getAttribute('class') ?? 'size-3.5');
    const frame = model?.firstElementChild;
    if (frame && frame.tagName !== 'svg') {
      const copy = /** @type {Element} */ (frame.cloneNode(false));
      copy.append(svg);
      tab.append(copy);
    } else {
      tab.append(svg);
    }
    const label = model?.lastElementChild?.cloneNode(false) ?? document.createElement('span');
    label.textContent = LABEL;
    tab.append(label);
    tab.addEventListener('click', shielded(open));
    return tab;
  }

  /**
   * Puts the tab where it belongs, unless it is there already: an insertion wakes the observer.
   * @param {HTMLElement} container
   * @param {HTMLElement} tab
   * @param {HTMLElement[]} tabs
   */
  function place(container, tab, tabs) {
    const personal = tabs.filter(isPersonal);
    const neighbour =
      NEIGHBOURS.map((id) =>
        personal.find((each) => each.getAttribute('aria-controls') === id),
      ).find(Boolean) ?? personal.at(-1);
    // A search that only we match: the host has drawn no list of personal tabs to stand in.
    const strip = container.matches('.tabs') ? container : container.querySelector('.tabs');
    const before = neighbour ?? strip?.firstElementChild;
    if (!dialog || !before || before.nextElementSibling === tab) return;
    dialog.moves += 1;
    if (dialog.moves <= MOST_MOVES) before.after(tab);
  }

  /** The host says "No matches" when only we match; it is wrong then, and right again later. */
  function updateNote() {
    if (!dialog) return;
    const { container, tab } = dialog;
    const lonely = tab?.isConnected && hostTabs(container).length === 0;
    const text = lonely ? tab?.parentElement?.querySelector(':scope > div:last-of-type') : null;
    const note = /** @type {HTMLElement | null} */ (text?.childElementCount === 0 ? text : null);
    if (dialog.note && dialog.note !== note) dialog.note.style.removeProperty('display');
    note?.style.setProperty('display', 'none');
    dialog.note = note;
  }

  /** Learns how the host's tabs look from those we have not touched. */
  function learnLooks(/** @type {HTMLElement[]} */ tabs) {
    for (const tab of tabs) {
      if (tab === dialog?.muted?.tab) continue;
      looks[isSelected(tab) ? 'selected' : 'idle'] = tab.className;
    }
  }

  /** Brings our tab in line with the dialog. Runs after every change of the tabs; idempotent. */
  function sync() {
    if (!dialog) return;
    if (!dialog.container.isConnected) return forget();
    const { container } = dialog;
    const tabs = hostTabs(container);
    learnLooks(tabs);
    if (dialog.open) yieldOrMute(tabs);
    if (signedIn() && searched(container) && looks.idle) {
      dialog.tab ??= makeTab(tabs.find(isPersonal) ?? tabs[0]);
      place(container, dialog.tab, tabs);
      paint();
    } else {
      dialog.tab?.remove();
    }
    updateNote();
  }

  function paint() {
    const { tab, open } = dialog ?? {};
    if (!tab) return;
    const className = (open ? looks.selected : looks.idle) || looks.idle;
    const selected = String(Boolean(open));
    if (tab.className !== className) tab.className = className;
    if (tab.getAttribute('aria-selected') !== selected) tab.setAttribute('aria-selected', selected);
  }

  /**
   * While ours is open, the host's selected tab must not look selected. When the host selects
   * another one by itself (Enter in the search does that), ours gives way.
   * @param {HTMLElement[]} tabs
   */
  function yieldOrMute(tabs) {
    if (!dialog) return;
    const tab = tabs.find(isSelected);
    if (!tab) return;
    const panelId = tab.getAttribute('aria-controls');
    if (dialog.muted && dialog.muted.panelId !== panelId) {
      dialog.muted = null;
      close();
      return;
    }
    dialog.muted = { tab, panelId, className: tab.className };
    tab.setAttribute('aria-selected', 'false');
    if (looks.idle) tab.className = looks.idle;
  }

  function unmute() {
    const { tab, className } = dialog?.muted ?? {};
    if (tab && className !== undefined) {
      tab.className = className;
      tab.setAttribute('aria-selected', 'true');
    }
    if (dialog) dialog.muted = null;
  }

  function open() {
    if (!dialog || dialog.open) return;
    const hostPanel = /** @type {HTMLElement | null} */ (dialog.container.nextElementSibling);
    if (!hostPanel) throw new Error('no panel beside the tabs');
    const panel = makePanel(hostPanel.className);
    dialog.open = { panel, hostPanel, hostDisplay: hostPanel.style.display };
    hostPanel.style.display = 'none';
    hostPanel.after(panel);
    sync();
    dialog.tab?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    import(/* @vite-ignore */ MODULE_URL).catch((error) => {
      panel.textContent = FAILED;
      complain(error);
    });
  }

  /** Takes our panel away and gives the host's back. */
  function close() {
    if (!dialog?.open) return;
    const { panel, hostPanel, hostDisplay } = dialog.open;
    dialog.open = null;
    unmute();
    panel.remove();
    hostPanel.style.display = hostDisplay;
    paint();
  }

  /** @param {string} className */
  function makePanel(className) {
    const panel = document.createElement('div');
    panel.id = PANEL_ID;
    panel.className = className;
    panel.style.overflowY = 'auto';
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', TAB_ID);
    const element = document.createElement(ELEMENT);
    panel.append(element, makeTurnstile(panel, element));
    return panel;
  }

  /**
   * The host's focus trap cannot see into our shadow root: it takes the last element outside for
   * the last one of the dialog, and Tab would never come to ours. So the last one is this, and it
   * hands the focus on: to the dialog's first element, or backwards to the last one of ours.
   * @param {HTMLElement} panel
   * @param {HTMLElement} element
   */
  function makeTurnstile(panel, element) {
    const turnstile = document.createElement('span');
    turnstile.tabIndex = 0;
    turnstile.style.cssText = 'position:absolute;outline:none';
    const pass = (/** @type {FocusEvent} */ event) => {
      const forward = event.relatedTarget instanceof Node && panel.contains(event.relatedTarget);
      const inside = element.shadowRoot?.querySelectorAll(
        'a[href], button, summary, [tabindex="0"]',
      );
      const target = forward
        ? (panel.closest('[role="dialog"]') ?? dialog?.container)?.querySelector('button')
        : [...(inside ?? [])].at(-1);
      /** @type {HTMLElement | undefined} */ (target)?.focus();
    };
    turnstile.addEventListener('focus', shielded(pass));
    return turnstile;
  }

  /** @param {Event} event */
  function onClick(event) {
    const tab = event.target instanceof Element ? event.target.closest('[role="tab"]') : null;
    // In the capture phase, so that the host finds its tabs as it left them.
    if (tab && tab.id !== TAB_ID) close();
  }

  /** @param {KeyboardEvent} event */
  function onKeydown(event) {
    const inSearch = event.target instanceof HTMLInputElement;
    if (event.key !== 'Enter' || !inSearch || !dialog?.tab?.isConnected) return;
    // Enter opens the first match, which the host does itself wherever it has one.
    if (hostTabs(dialog.container).length === 0) open();
  }

  /** @param {HTMLElement} container */
  function attach(container) {
    const observer = new MutationObserver(shielded(sync));
    const listening = new AbortController();
    const { signal } = listening;
    const untouched = { tab: null, open: null, muted: null, note: null };
    dialog = { container, observer, listening, ...untouched, moves: 0 };
    observer.observe(container, {
      subtree: true,
      childList: true,
      attributes: true,
      attributeFilter: ['aria-selected'],
    });
    container.addEventListener('click', shielded(onClick), { capture: true, signal });
    container.addEventListener('keydown', shielded(onKeydown), { capture: true, signal });
    container.addEventListener('input', shielded(sync), { signal });
    sync();
  }

  /** The dialog is gone. Whoever may still hold it must not hold ours with it. */
  function forget() {
    dialog?.observer.disconnect();
    dialog?.listening.abort();
    dialog?.open?.panel.replaceChildren();
    dialog?.open?.panel.remove();
    dialog?.tab?.remove();
    dialog = null;
  }

  /** The host appends its dialogs to the body; nothing deeper is watched while none is open. */
  function look() {
    if (dialog && !dialog.container.isConnected) forget();
    const container = document.getElementById(CONTAINER_ID);
    if (container && container !== dialog?.container) attach(container);
  }

  shielded(() => {
    new MutationObserver(shielded(look)).observe(document.body, { childList: true });
    look();
  })();
})();
