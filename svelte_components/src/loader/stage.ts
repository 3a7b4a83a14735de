/**
 * Where a search leaves none of the host's own tabs, the host draws no list that ours could stand
 * in. A stage is a copy of the list it drew before, with the heading above it, and nothing inside.
 */
export class Stage {
  readonly list: HTMLElement;
  readonly #parts: Element[];

  /** `model` is a list of the host's; what stands between it and the list before is its heading. */
  constructor(model: Element) {
    this.list = model.cloneNode(false) as HTMLElement;
    this.#parts = [...headingsOf(model), this.list];
  }

  /** Puts it behind an element of the strip; answers whether it had to move. */
  putAfter(before: Element): boolean {
    const [first] = this.#parts;
    if (!first || before.nextElementSibling === first) return false;
    before.after(...this.#parts);
    return true;
  }

  remove(): void {
    for (const part of this.#parts) part.remove();
  }
}

function headingsOf(model: Element): Element[] {
  const headings: Element[] = [];
  let above = model.previousElementSibling;
  while (above && !isList(above)) {
    // The heading of the very first list is drawn in any case.
    if (above.previousElementSibling === null) return [];
    headings.unshift(above.cloneNode(true) as Element);
    above = above.previousElementSibling;
  }
  return headings;
}

export function isList(element: Element): boolean {
  return element.getAttribute('role') === 'tablist';
}
