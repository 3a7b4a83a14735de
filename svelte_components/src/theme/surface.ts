/** The colour that is drawn behind an element, looked for from it outwards; '' where there is none. */
export function surfaceAround(element: Element): string {
  for (let each = outwards(element); each; each = outwards(each)) {
    const colour = getComputedStyle(each).backgroundColor;
    if (isOpaque(colour)) return colour;
  }
  return '';
}

function outwards(element: Element): Element | null {
  const root = element.getRootNode();
  return element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** Something that shines through says nothing about the colour that is seen. */
function isOpaque(colour: string): boolean {
  if (!colour || colour === 'transparent') return false;
  const alpha = /[,/]\s*([\d.]+)(%?)\s*\)$/.exec(colour);
  if (!alpha || !/rgba|\//.test(colour)) return true;
  return Number(alpha[1]) >= (alpha[2] ? 100 : 1);
}
