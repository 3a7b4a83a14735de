const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS = [
  [DAY, 'day'],
  [HOUR, 'hour'],
  [MINUTE, 'minute'],
  [SECOND, 'second'],
] as const;

/** "1.2 sec", "3 min": milliseconds in the largest unit that fits, with one decimal below ten. */
export function formatDuration(milliseconds: number, languageTag: string): string {
  const size = Math.abs(milliseconds);
  const [length, unit] = UNITS.find(([each]) => size >= each) ?? [1, 'millisecond'];
  const value = milliseconds / length;
  return new Intl.NumberFormat(languageTag, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: length > 1 && Math.abs(value) < 10 ? 1 : 0,
  }).format(value);
}
