/** What the reader looks at: a tab, some days, and a day, a user or a model in them. */
import type { Range } from '../format/range';
import { readState, writeState } from '../host/address';
import {
  inRange,
  NOWHERE,
  paramsOf,
  spotOf,
  upTo,
  type Spot,
  type Step,
  type TabId,
} from './address';

export interface Place extends Readonly<Spot> {
  /** Opens a tab at its outermost. */
  open(tab: TabId): void;
  choose(range: Range): void;
  /** Opens a part of what is looked at. */
  into(step: Step, value: string): void;
  /** Leaves everything within a step, or all steps. */
  back(step: Step | null): void;
  /** The address forgets it, for a page that shows something else from now on. */
  leave(): void;
}

/** Where a place is kept. */
export interface Address {
  read(): URLSearchParams;
  write(state: URLSearchParams): void;
}

const PAGE: Address = {
  read: () => readState('usage'),
  write: (state) => writeState('usage', state),
};

/**
 * The place, read from the address once and written to it from then on. `today` is the
 * organization's day: a range such as "the last seven days" moves on with it.
 */
export function placeState(today: () => string, address = PAGE): Place {
  let state = $state.raw(address.read());
  const spot = $derived(spotOf(state, today()));

  function write(change: Partial<Spot>): void {
    state = paramsOf({ ...spot, ...change });
    address.write(state);
  }

  return {
    get tab() {
      return spot.tab;
    },
    get range() {
      return spot.range;
    },
    get drill() {
      return spot.drill;
    },
    open: (tab) => write({ tab, drill: {} }),
    choose: (range) => write({ range, drill: inRange(spot.drill, range) }),
    into: (step, value) => write({ drill: { ...spot.drill, [step]: value } }),
    back: (step) => write({ drill: upTo(spot.drill, step) }),
    leave: () => address.write(NOWHERE),
  };
}
