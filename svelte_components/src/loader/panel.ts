/**
 * Our panel in the place of the host's: the host's is hidden while ours is there, and it comes back
 * as it was.
 */
import type { Mount } from './mounts';
import { loadModule } from './module';
import { complain, shielded } from './shield';
import type { Words } from './words';

const FOCUSABLE =
  'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex="0"]';

export class Panel {
  readonly root = document.createElement('div');
  readonly #element: HTMLElement;
  readonly #hostPanel: HTMLElement;
  readonly #hostDisplay: string;
  readonly #listening = new AbortController();

  constructor(mount: Mount, words: Words, hostPanel: HTMLElement) {
    this.#hostPanel = hostPanel;
    this.#hostDisplay = hostPanel.style.display;
    this.#element = document.createElement(mount.element);
    this.root.id = mount.panelId;
    this.root.className = hostPanel.className;
    this.root.style.overflowY = 'auto';
    this.root.append(this.#element);
    hostPanel.style.display = 'none';
    hostPanel.after(this.root);
    const { signal } = this.#listening;
    document.addEventListener('keydown', shielded(this.#onKeydown), { signal });
    loadModule(mount.module).catch((error: unknown) => {
      this.root.textContent = words.failed;
      complain(error);
    });
  }

  remove(): void {
    this.#listening.abort();
    // Whoever may still hold the panel must not hold the element with it.
    this.root.replaceChildren();
    this.root.remove();
    this.#hostPanel.style.display = this.#hostDisplay;
  }

  /**
   * The host's focus trap cannot see into our shadow root: it takes the last element outside for
   * the last one of the dialog, and Tab would never come to ours. So the last one is this, and it
   * hands the focus on: to the dialog's first element, or backwards to the last one of ours.
   */
  addTurnstile(first: () => HTMLElement | null | undefined): void {
    const turnstile = document.createElement('span');
    turnstile.tabIndex = 0;
    turnstile.style.cssText = 'position:absolute;outline:none';
    const pass = ({ relatedTarget }: FocusEvent) => {
      const forward = relatedTarget instanceof Node && this.root.contains(relatedTarget);
      (forward ? first() : this.#lastInside())?.focus();
    };
    turnstile.addEventListener('focus', shielded(pass));
    this.root.append(turnstile);
  }

  #lastInside(): HTMLElement | undefined {
    const inside = this.#element.shadowRoot?.querySelectorAll<HTMLElement>(FOCUSABLE) ?? [];
    return [...inside].filter((each) => each.checkVisibility?.() ?? true).at(-1);
  }

  /**
   * Escape closes an open sheet of ours before it closes the host's dialog. A sheet keeps the event
   * for itself; this is for when the focus was somewhere else.
   */
  #onKeydown = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    if (this.#element.shadowRoot?.querySelector('dialog[open]')) event.stopPropagation();
  };
}
