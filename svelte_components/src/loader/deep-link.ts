/**
 * `?settings=organization-usage` for a host that knows no such links (0.6.18): the dialog is opened
 * by the host's own shortcut once its page is there, and what opens it finds the way to our tab.
 * A newer host opens the dialog itself and takes the parameter out of the address.
 */
import { ADMIN_PATH } from './admin-page';
import { ADMIN_SEGMENT, requestedMount } from './mounts';
import { shielded } from './shield';

const HOST_IS_READY = 'chat-container';
const HOST_HAS_READ_IT_MS = 300;

export function followDeepLink(dialogIsOpen: () => boolean): void {
  // Somebody who has to sign in first comes back with the parameter inside another one.
  if (!location.search.includes('settings')) return;
  const observer = new MutationObserver(() => {
    if (!document.getElementById(HOST_IS_READY)) return;
    observer.disconnect();
    setTimeout(
      shielded(() => open(dialogIsOpen)),
      HOST_HAS_READ_IT_MS,
    );
  });
  observer.observe(document.body, { childList: true, subtree: true });
}

function open(dialogIsOpen: () => boolean): void {
  const mount = requestedMount();
  if (!mount || dialogIsOpen()) return;
  if (mount.place === 'admin') {
    location.replace(`${ADMIN_PATH}/${ADMIN_SEGMENT}`);
    return;
  }
  const keys = { key: '.', code: 'Period', ctrlKey: true, bubbles: true };
  document.dispatchEvent(new KeyboardEvent('keydown', keys));
  // What was followed leaves the address, so that a reload does not open the dialog again.
  setTimeout(shielded(forgetLink));
}

function forgetLink(): void {
  const address = new URL(location.href);
  address.searchParams.delete('settings');
  history.replaceState(history.state, '', address);
}
