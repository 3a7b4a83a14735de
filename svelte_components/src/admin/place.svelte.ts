import { readAddress, writeAddress, type Params } from './address';
import type { SectionId } from './sections';

/** Where the reader is, as a section sees it. It lives in the page's address, so a link leads back. */
export interface SectionState {
  /** What is open in the section: an organization, a filter. Any text may stand here. */
  readonly params: Params;
  /** How many lines of a long list come before the page that is open. */
  readonly offset: number;
  /** Opens another section. */
  go(section: SectionId, params?: Params): void;
  /** Changes some of the parameters; an empty value or null takes one away. */
  update(params: Record<string, string | null>): void;
  /** Opens another page of a long list. */
  turn(offset: number): void;
}

export interface PanelState extends SectionState {
  readonly section: SectionId;
}

export function offsetOf(params: Params): number {
  return Math.max(0, Number.parseInt(params.offset ?? '', 10) || 0);
}

export function changedBy(params: Params, changes: Record<string, string | null>): Params {
  const given = Object.entries({ ...params, ...changes });
  return Object.fromEntries(given.filter((entry): entry is [string, string] => !!entry[1]));
}

/** The state of the panel, read from the address once and written to it from then on. */
export function panelState(): PanelState {
  let address = $state.raw(readAddress());

  function move(section: SectionId, params: Params): void {
    address = { section, params };
    writeAddress(address);
  }

  function update(changes: Record<string, string | null>): void {
    move(address.section, changedBy(address.params, changes));
  }

  return {
    get section() {
      return address.section;
    },
    get params() {
      return address.params;
    },
    get offset() {
      return offsetOf(address.params);
    },
    go: (section, params = {}) => move(section, params),
    update,
    turn: (offset) => update({ offset: offset > 0 ? String(offset) : null }),
  };
}
