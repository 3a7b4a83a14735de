/** Days of an organization's zone as instants, which is how the server wants to be told of them. */

const DAY_MS = 86_400_000;

/**
 * The instant a day begins in an IANA zone, as RFC 3339. Where clocks go forward at midnight, that
 * is the first instant there is; null for what is no day.
 */
export function startOfDay(day: string, timeZone: string): string | null {
  const wall = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(wall)) return null;
  const offsets = [wall - DAY_MS, wall + DAY_MS].map((near) => offsetAt(near, timeZone));
  const candidates = offsets.map((offset) => wall - offset).sort((one, other) => one - other);
  const exact = candidates.find((instant) => instant + offsetAt(instant, timeZone) === wall);
  return new Date(exact ?? Math.max(...candidates)).toISOString();
}

/** The day an instant (UTC milliseconds) lies in, in a zone. */
export function dayIn(instant: number, timeZone: string): string {
  return new Date(instant + offsetAt(instant, timeZone)).toISOString().slice(0, 10);
}

export function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
}

/** The month before `2026-01` is `2025-12`. */
export function monthBefore(month: string): string {
  return new Date(Date.parse(`${month}-01T00:00:00Z`) - DAY_MS).toISOString().slice(0, 7);
}

/** How far a zone's clocks are ahead of UTC, in milliseconds. */
function offsetAt(instant: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(instant);
  const of = (type: Intl.DateTimeFormatPartTypes) =>
    Number(parts.find((part) => part.type === type)?.value);
  const wall = Date.UTC(
    of('year'),
    of('month') - 1,
    of('day'),
    of('hour'),
    of('minute'),
    of('second'),
  );
  return wall - Math.floor(instant / 1000) * 1000;
}
