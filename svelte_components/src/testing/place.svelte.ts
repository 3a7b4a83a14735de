import { vi } from 'vitest';
import type { Params } from '../admin/address';
import { changedBy, offsetOf, type SectionState } from '../admin/place.svelte';

/** The place of a section in a test: it moves as the panel's does, without an address. */
export function placeAt(params: Params = {}): SectionState {
  let held = $state.raw<Params>(params);
  const update: SectionState['update'] = (changes) => (held = changedBy(held, changes));
  return {
    get params() {
      return held;
    },
    get offset() {
      return offsetOf(held);
    },
    go: vi.fn(),
    update,
    turn: (offset) => update({ offset: offset > 0 ? String(offset) : null }),
  };
}
