/** How much of what OpenRouter billed the meter had booked by itself, by day. */
import type { Reconciliation } from '../../client/reconciliation';
import { sumOf } from '../../format/arithmetic';
import { shareOf } from '../../format/decimal';

/** Decimal strings of raw USD; `rate` is a decimal string of per cent, null of nothing. */
export interface CaptureDay {
  date: string;
  captured: string;
  provider: string;
  rate: string | null;
  unexplained: number;
  waiting: number;
}

/** Oldest first; a day that nothing is known of is left out. */
export function captureByDay(lines: readonly Reconciliation[]): CaptureDay[] {
  const days = [...new Set(lines.map(({ date }) => date))].sort();
  return days.map((date) => {
    const own = lines.filter((line) => line.date === date);
    const captured = sumOf(own.map((line) => line.captured));
    const provider = sumOf(own.map((line) => line.provider));
    return {
      date,
      captured,
      provider,
      rate: rateOf(captured, provider),
      unexplained: own.filter(({ status }) => status === 'unexplained').length,
      waiting: own.filter(({ status }) => status === 'waiting').length,
    };
  });
}

/**
 * Per cent with four decimals, cut off and not rounded: 99.99999 is not 100. More than was billed is
 * as good as all of it.
 */
export function rateOf(captured: string, provider: string): string | null {
  const share = shareOf(captured, provider);
  if (share === null) return null;
  const parts = Math.min(1_000_000, Math.max(0, Math.round(share * 1_000_000)));
  const text = String(parts).padStart(5, '0');
  return `${text.slice(0, -4)}.${text.slice(-4)}`;
}
