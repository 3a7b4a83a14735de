/** Months as `YYYY-MM`, and the ones a reader can choose from. */

export function monthAfter(month: string, step: number): string {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return new Date(Date.UTC(year, number - 1 + step, 1)).toISOString().slice(0, 7);
}

export function isMonth(value: string | undefined): value is string {
  return /^\d{4}-(0[1-9]|1[0-2])$/.test(value ?? '');
}

/**
 * Where the picker ends: no zone is a whole day ahead of UTC. Whether a month has begun somewhere is
 * the server's to say.
 */
export function latestMonth(now: number): string {
  return new Date(now + 86_400_000).toISOString().slice(0, 7);
}

/** The first and the last day of a month. */
export function daysOf(month: string): { from: string; to: string } {
  const next = Date.parse(`${monthAfter(month, 1)}-01T00:00:00Z`);
  return { from: `${month}-01`, to: new Date(next - 86_400_000).toISOString().slice(0, 10) };
}
