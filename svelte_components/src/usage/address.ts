/** What the reader looks at, as the page's address says it. */
import { isDay, readRange, writeRange, type Range } from '../format/range';

export const TABS = ['overview', 'stats', 'users', 'models', 'statements'] as const;
export type TabId = (typeof TABS)[number];

export const STEPS = ['day', 'user', 'model'] as const;
export type Step = (typeof STEPS)[number];

/**
 * What was opened, in the order in which it was. A user without an id is one of whom nothing is
 * known.
 */
export type Drill = Partial<Record<Step, string>>;

export interface Spot {
  tab: TabId;
  range: Range;
  drill: Drill;
}

const FALLBACK = '30d';

/** An address that says nothing. */
export const NOWHERE = new URLSearchParams();

/** The spot of an address; `today` is the organization's day. What makes no sense is left out. */
export function spotOf(state: URLSearchParams, today: string): Spot {
  return {
    tab: TABS.find((each) => each === state.get('tab')) ?? 'overview',
    range: readRange(state, today, FALLBACK),
    drill: readDrill(state),
  };
}

function readDrill(state: URLSearchParams): Drill {
  const drill: Drill = {};
  for (const [name, value] of state) {
    const step = STEPS.find((each) => each === name);
    if (step && (step !== 'day' || isDay(value))) drill[step] = value;
  }
  return drill;
}

/** What differs from what is open at first, so that the address stays short. */
export function paramsOf({ tab, range, drill }: Spot): URLSearchParams {
  const params = new URLSearchParams();
  if (tab !== 'overview') params.set('tab', tab);
  const days = range.preset === FALLBACK ? {} : writeRange(range);
  for (const [name, value] of [...Object.entries(days), ...Object.entries(drill)]) {
    params.set(name, value);
  }
  return params;
}

/** A day that is no longer among those looked at is left. */
export function inRange(drill: Drill, { from, to }: Range): Drill {
  const { day, ...others } = drill;
  return day !== undefined && day >= from && day <= to ? drill : others;
}

/** The steps that were taken after `step` go. */
export function upTo(drill: Drill, step: Step | null): Drill {
  if (step === null) return {};
  const taken = Object.keys(drill) as Step[];
  return Object.fromEntries(
    taken.slice(0, taken.indexOf(step) + 1).map((each) => [each, drill[each]]),
  );
}

/** The days of a drill: its day alone, else the range. */
export function daysOf({ range, drill }: Pick<Spot, 'range' | 'drill'>): Range {
  const { day } = drill;
  return day === undefined ? range : { preset: 'custom', from: day, to: day };
}
