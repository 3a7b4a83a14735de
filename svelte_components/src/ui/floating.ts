/**
 * Puts something beside a control, over everything else. It is a popover where the browser has
 * them, since no parent can cut off or cover a popover; elsewhere it is only fixed.
 */

const GAP = 6;
const MARGIN = 8;

/** Shows `popup` at `anchor`, below if there is room. Returns the function that takes it away. */
export function float(popup: HTMLElement, anchor: Element, moved: () => void): () => void {
  popup.popover = 'manual';
  popup.showPopover?.();
  place(popup, anchor);
  // It would stay where it is while its control moves away below it.
  window.addEventListener('scroll', moved, { capture: true, passive: true });
  window.addEventListener('resize', moved);
  return () => {
    window.removeEventListener('scroll', moved, { capture: true });
    window.removeEventListener('resize', moved);
    if (popup.isConnected) popup.hidePopover?.();
  };
}

function place(popup: HTMLElement, anchor: Element): void {
  const [control, size] = [anchor.getBoundingClientRect(), popup.getBoundingClientRect()];
  const { left, top } = position(control, size, {
    width: document.documentElement.clientWidth,
    height: window.innerHeight,
    rightToLeft: getComputedStyle(popup).direction === 'rtl',
  });
  Object.assign(popup.style, { left: `${left}px`, top: `${top}px` });
}

interface Page {
  width: number;
  height: number;
  rightToLeft: boolean;
}

/** Begins where the control begins, and stays within the page. */
export function position(
  control: Pick<DOMRect, 'left' | 'right' | 'top' | 'bottom'>,
  { width, height }: { width: number; height: number },
  page: Page,
): { left: number; top: number } {
  const start = page.rightToLeft ? control.right - width : control.left;
  const below = control.bottom + GAP;
  const above = control.top - GAP - height;
  const fits = below + height <= page.height - MARGIN || above < MARGIN;
  return {
    left: Math.max(MARGIN, Math.min(start, page.width - MARGIN - width)),
    top: fits ? below : above,
  };
}
