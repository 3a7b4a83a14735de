import { vi } from 'vitest';
import type { Params } from '../admin/address';
import type { SectionState } from '../admin/place.svelte';

/** The place of a section in a test: it moves as the panel's does, without an address. */
export function placeAt(params: Params = {}): SectionState {
  let held = $state.raw<Params>(params);
  return {
    get params() {
      return held;
    },
    go: vi.fn(),
    update(changes) {
      const given = Object.entries({ ...held, ...changes });
      held = Object.fromEntries(given.filter((entry): entry is [string, string] => !!entry[1]));
    },
  };
}
