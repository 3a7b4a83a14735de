import { readAddress, writeAddress, type Params } from './address';
import type { SectionId } from './sections';

/** Where the reader is, as a section sees it. It lives in the page's address, so a link leads back. */
export interface SectionState {
  /** What is open in the section: an organization, a filter. Any text may stand here. */
  readonly params: Params;
  /** Opens another section. */
  go(section: SectionId, params?: Params): void;
  /** Changes some of the parameters; an empty value or null takes one away. */
  update(params: Record<string, string | null>): void;
}

export interface PanelState extends SectionState {
  readonly section: SectionId;
}

/** The state of the panel, read from the address once and written to it from then on. */
export function panelState(): PanelState {
  let address = $state.raw(readAddress());

  function move(section: SectionId, params: Params): void {
    address = { section, params };
    writeAddress(address);
  }

  return {
    get section() {
      return address.section;
    },
    get params() {
      return address.params;
    },
    go: (section, params = {}) => move(section, params),
    update(changes) {
      const given = Object.entries({ ...address.params, ...changes });
      const kept = given.filter((entry): entry is [string, string] => !!entry[1]);
      move(address.section, Object.fromEntries(kept));
    },
  };
}
