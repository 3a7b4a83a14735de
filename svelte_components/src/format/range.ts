/**
 * Ranges of days. A day is a text `YYYY-MM-DD` of the organization's calendar, and `today` is the
 * day that the server says it is there; the reader's own clock and zone play no part.
 */

export type Preset = 'today' | '7d' | '30d' | '90d' | 'month' | 'last-month' | 'custom';

export interface Range {
  preset: Preset;
  /** The first and the last day, both within. */
  from: string;
  to: string;
}

export const PRESETS: readonly Preset[] = [
  'today',
  '7d',
  '30d',
  '90d',
  'month',
  'last-month',
  'custom',
];

/** The server answers for no more days than these at once. */
export const MOST_DAYS = 366;

export type RangeProblem = 'incomplete' | 'reversed' | 'too-long' | 'future';

const DAY_MS = 86_400_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export function isDay(value: string): boolean {
  return DAY.test(value) && dayOf(instantOf(value)) === value;
}

export function addDays(day: string, days: number): string {
  return dayOf(instantOf(day) + days * DAY_MS);
}

/** How many days lie in a range, its first and its last one counted. */
export function daysIn({ from, to }: Pick<Range, 'from' | 'to'>): number {
  return Math.round((instantOf(to) - instantOf(from)) / DAY_MS) + 1;
}

export function eachDay({ from, to }: Pick<Range, 'from' | 'to'>): string[] {
  return Array.from({ length: Math.max(0, daysIn({ from, to })) }, (_, index) =>
    addDays(from, index),
  );
}

/** The days of a preset. `custom` begins as the last thirty days, for the reader to change. */
export function rangeOf(preset: Preset, today: string): Range {
  switch (preset) {
    case 'today':
      return { preset, from: today, to: today };
    case 'month':
      return { preset, from: firstOfMonth(today), to: today };
    case 'last-month': {
      const to = addDays(firstOfMonth(today), -1);
      return { preset, from: firstOfMonth(to), to };
    }
    case '7d':
      return { preset, from: addDays(today, -6), to: today };
    case '90d':
      return { preset, from: addDays(today, -89), to: today };
    default:
      return { preset, from: addDays(today, -29), to: today };
  }
}

/** The same range on another day: "today" moves on at midnight, days that were picked stay. */
export function moved(range: Range, today: string): Range {
  return range.preset === 'custom' ? range : rangeOf(range.preset, today);
}

/**
 * The time to compare a range with: the month before a month, up to the same day while it is not
 * over; else as many days before it.
 */
export function previous({ preset, from, to }: Range): Pick<Range, 'from' | 'to'> {
  const before = addDays(from, -1);
  if (preset === 'last-month') return { from: firstOfMonth(before), to: before };
  if (preset === 'month') {
    const same = addDays(firstOfMonth(before), daysIn({ from, to }) - 1);
    return { from: firstOfMonth(before), to: same < before ? same : before };
  }
  return { from: addDays(from, -daysIn({ from, to })), to: before };
}

/** What is wrong with two days that somebody picked, if anything is. */
export function problemOf(
  { from, to }: Pick<Range, 'from' | 'to'>,
  today: string,
  mostDays = MOST_DAYS,
): RangeProblem | null {
  if (!isDay(from) || !isDay(to)) return 'incomplete';
  if (from > to) return 'reversed';
  if (to > today) return 'future';
  return daysIn({ from, to }) > mostDays ? 'too-long' : null;
}

/** For the page's address: the preset, or the two days of a custom range. */
export function writeRange(range: Range): Record<string, string> {
  return range.preset === 'custom'
    ? { range: 'custom', from: range.from, to: range.to }
    : { range: range.preset };
}

/** What `writeRange` wrote, or the fallback for anything else. */
export function readRange(state: URLSearchParams, today: string, fallback: Preset = '30d'): Range {
  const preset = PRESETS.find((each) => each === state.get('range'));
  if (preset !== 'custom') return rangeOf(preset ?? fallback, today);
  const days = { from: state.get('from') ?? '', to: state.get('to') ?? '' };
  return problemOf(days, today) === null ? { preset, ...days } : rangeOf(fallback, today);
}

function firstOfMonth(day: string): string {
  return `${day.slice(0, 7)}-01`;
}

function instantOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

function dayOf(instant: number): string {
  return Number.isNaN(instant) ? '' : new Date(instant).toISOString().slice(0, 10);
}
