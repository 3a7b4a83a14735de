import { plainDecimal } from './money';

/**
 * The order of two decimal strings, exact to the last digit: negative, zero or positive, as a sort
 * wants it. What is no decimal comes first.
 */
export function compareDecimals(one: string, other: string): number {
  const [left, right] = [plainDecimal(one), plainDecimal(other)];
  if (left === null || right === null) return Number(left !== null) - Number(right !== null);
  const decimals = Math.max(decimalsOf(left), decimalsOf(right));
  const difference = scaled(left, decimals) - scaled(right, decimals);
  return difference < 0n ? -1 : Number(difference > 0n);
}

/**
 * How much of `whole` a part is, 0.5 for a half; null where that says nothing. For drawing only: the
 * quotient is exact to six places.
 */
export function shareOf(part: string | null, whole: string | null): number | null {
  const [above, below] = [plainDecimal(part), plainDecimal(whole)];
  if (above === null || below === null) return null;
  const decimals = Math.max(decimalsOf(above), decimalsOf(below));
  const divisor = scaled(below, decimals);
  if (divisor <= 0n) return null;
  return Number((scaled(above, decimals) * 1_000_000n) / divisor) / 1_000_000;
}

function decimalsOf(plain: string): number {
  return plain.split('.')[1]?.length ?? 0;
}

function scaled(plain: string, decimals: number): bigint {
  const [whole = '', fraction = ''] = plain.split('.');
  return BigInt(whole + fraction.padEnd(decimals, '0'));
}
