/**
 * Puts text on the clipboard, also on a page without TLS, where browsers hide the newer way. `beside` is
 * the button that was pressed. Says whether it was done.
 */
export async function copyText(text: string, beside: Element): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text, beside);
  }
}

function copyBySelection(text: string, beside: Element): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.readOnly = true;
  Object.assign(area.style, { position: 'fixed', opacity: '0' });
  // A modal dialog lets nothing outside of it be selected, so it stands where the button does.
  beside.after(area);
  area.select();
  try {
    return document.execCommand('copy');
  } catch {
    return false;
  } finally {
    area.remove();
    if (beside instanceof HTMLElement) beside.focus();
  }
}
