/** The dialogs that stand, the one on top last. */
const standing: HTMLDialogElement[] = [];

/**
 * Tells of Escape while `dialog` is on top and the focus is not in it, as when what had the focus
 * is gone: the key then goes to the page, and the host would close its own dialog below ours.
 * Returns the function that stops listening.
 */
export function onEscapeOutside(dialog: HTMLDialogElement, tell: () => void): () => void {
  const listen = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || standing.at(-1) !== dialog) return;
    if (event.composedPath().includes(dialog)) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    tell();
  };
  standing.push(dialog);
  window.addEventListener('keydown', listen, { capture: true });
  return () => {
    window.removeEventListener('keydown', listen, { capture: true });
    standing.splice(standing.indexOf(dialog), 1);
  };
}
