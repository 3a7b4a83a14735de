/**
 * Days are calendar days of the organization and stay what they are in every browser's zone;
 * instants are shown in the reader's own zone.
 */

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

export type DayStyle = 'short' | 'long';

const DAY_STYLES: Record<DayStyle, Intl.DateTimeFormatOptions> = {
  short: { month: 'short', day: 'numeric' },
  long: { weekday: 'short', month: 'short', day: 'numeric', year: 'numeric' },
};

/** "Nov 24" or "Tue, Nov 24, 2026"; what cannot be read is shown as it came. */
export function formatDay(date: string, languageTag: string, style: DayStyle = 'short'): string {
  const match = DAY.exec(date);
  if (!match) return date;
  const instant = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return new Intl.DateTimeFormat(languageTag, { ...DAY_STYLES[style], timeZone: 'UTC' }).format(
    instant,
  );
}

/** "Nov 2026" from "2026-11". */
export function formatMonth(month: string, languageTag: string): string {
  const match = DAY.exec(`${month}-01`);
  if (!match) return month;
  const instant = Date.UTC(Number(match[1]), Number(match[2]) - 1, 1);
  return new Intl.DateTimeFormat(languageTag, {
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC',
  }).format(instant);
}

/** "10:15:30 AM" today, with the day before it at other times. Both are UTC milliseconds. */
export function formatInstant(instant: number, languageTag: string, now = Date.now()): string {
  const sameDay = new Date(instant).toDateString() === new Date(now).toDateString();
  return new Intl.DateTimeFormat(languageTag, {
    ...(sameDay ? {} : { dateStyle: 'medium' }),
    timeStyle: 'medium',
  }).format(instant);
}
