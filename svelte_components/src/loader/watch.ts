/**
 * Notices when the host opens its settings. While nothing is open, only the direct children of the
 * body are watched, to which the host appends its dialogs, and the head, whose title changes with
 * the page. Deeper looks happen on an admin's pages alone.
 */
import { ADMIN_PATH, ADMIN_TABS, AdminPage } from './admin-page';
import { DIALOG_TABS, SettingsDialog } from './dialog';
import { complain, shielded } from './shield';

let dialog: SettingsDialog | null = null;
let page: AdminPage | null = null;

export function watch(): void {
  const lookDeeper = new MutationObserver(shielded(lookForPage));
  const onPage = shielded(() => {
    lookDeeper.disconnect();
    if (location.pathname.startsWith('/admin')) {
      lookDeeper.observe(document.body, { childList: true, subtree: true });
    }
    lookForPage();
  });
  const head = { childList: true, subtree: true, characterData: true };
  new MutationObserver(onPage).observe(document.head, head);
  new MutationObserver(shielded(lookForDialog)).observe(document.body, { childList: true });
  lookForDialog();
  onPage();
}

export function dialogIsOpen(): boolean {
  return dialog !== null;
}

function lookForDialog(): void {
  if (dialog && !dialog.container.isConnected) {
    dialog.forget();
    dialog = null;
  }
  const container = document.getElementById(DIALOG_TABS);
  if (container && container !== dialog?.container) dialog = new SettingsDialog(container);
  if (!container && document.querySelector('[role="dialog"] [role="tab"]')) {
    complain(`the settings dialog has no #${DIALOG_TABS}`);
  }
}

function lookForPage(): void {
  if (page && !page.container.isConnected) {
    page.forget();
    page = null;
  }
  // The host uses the same id in other dialogs.
  if (!location.pathname.startsWith(ADMIN_PATH)) return;
  const container = document.getElementById(ADMIN_TABS);
  if (container && container !== page?.container) page = new AdminPage(container);
}
