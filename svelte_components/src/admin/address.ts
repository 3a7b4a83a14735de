import { readState, writeState } from '../host/address';
import { isSectionId, type SectionId } from './sections';

export type Params = Readonly<Record<string, string>>;

export interface Address {
  section: SectionId;
  params: Params;
}

const SECTION = 'section';

/** What the page's address says is open; a section that is not known leads to the first one. */
export function readAddress(): Address {
  const { [SECTION]: section, ...params } = Object.fromEntries(readState('usage-admin'));
  return isSectionId(section) ? { section, params } : { section: 'home', params: {} };
}

export function writeAddress({ section, params }: Address): void {
  const entries = Object.entries(params);
  const isPlain = section === 'home' && entries.length === 0;
  writeState('usage-admin', new URLSearchParams(isPlain ? [] : [[SECTION, section], ...entries]));
}
