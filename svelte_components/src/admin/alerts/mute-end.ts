/** How long nothing is sent: so many hours from now, or to the end of a day of the reader's. */

export const SPANS = ['4h', '1d', '7d', '30d', 'date'] as const;
export type Span = (typeof SPANS)[number];

const HOUR_MS = 3_600_000;
const HOURS: Record<Exclude<Span, 'date'>, number> = { '4h': 4, '1d': 24, '7d': 168, '30d': 720 };

/** An instant, or null for a day that is none. A mute is told of in the reader's own zone. */
export function endOf(span: Span, date: string, now: number): number | null {
  if (span !== 'date') return now + HOURS[span] * HOUR_MS;
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number);
  return /^\d{4}-\d\d-\d\d$/.test(date) ? new Date(year, month - 1, day + 1).getTime() : null;
}
