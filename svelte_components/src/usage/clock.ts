/** Where the reader's clock and zone differ from what days follow here. */
import type { Received } from './view';

/** Less than this is a slow network or a clock that nobody notices. */
const NOTICED_MS = 10 * 60_000;

export type ClockProblem = 'ahead' | 'behind';

/** How the browser's clock is wrong, if it is so by more than anybody would overlook. */
export function clockProblem({ usage, at }: Received): ClockProblem | null {
  const differenceMs = at - usage.serverTime;
  if (Math.abs(differenceMs) < NOTICED_MS) return null;
  return differenceMs > 0 ? 'ahead' : 'behind';
}

/** The browser's zone where it keeps another time than the organization's; null where it is one. */
export function otherZone(timeZone: string, at: number): string | null {
  const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!own || own === timeZone || clockIn(own, at) === clockIn(timeZone, at)) return null;
  return own;
}

/** The time of an instant on a clock in that zone; zones of two names may show the same. */
function clockIn(timeZone: string, at: number): string {
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      dateStyle: 'short',
      timeStyle: 'short',
    });
    return format.format(at);
  } catch {
    // A zone that this browser has never heard of is another one.
    return timeZone;
  }
}
