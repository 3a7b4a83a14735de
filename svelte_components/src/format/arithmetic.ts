/**
 * Sums, shares and prices of decimal strings, on whole picodollars and never on floats. An amount
 * with more than twelve decimals is none that we were sent; its rest is cut off.
 */
import { plainDecimal } from './money';

const PLACES = 12;
const UNIT = 10n ** BigInt(PLACES);
const MILLION = 1_000_000n;

/** The sum of decimal strings; what is no decimal counts for nothing. */
export function sumOf(amounts: Iterable<string>): string {
  let sum = 0n;
  for (const amount of amounts) sum += picos(amount);
  return decimalOf(sum);
}

/** `one` without `other`. */
export function differenceOf(one: string, other: string): string {
  return decimalOf(picos(one) - picos(other));
}

/** What a million of something costs, to the micro-dollar; null where there was nothing of it. */
export function pricePerMillion(cost: string, amount: number): string | null {
  if (!(amount > 0)) return null;
  const price = divided(picos(cost) * MILLION, BigInt(amount) * MILLION) * MILLION;
  return decimalOf(price);
}

/** What one of so many costs, to the picodollar; null for one of none. */
export function partOf(cost: string, count: number): string | null {
  return count > 0 ? decimalOf(divided(picos(cost), BigInt(count))) : null;
}

/** How many per cent `part` is of `whole`, with two decimals as the server's have; null of nothing. */
export function percentOf(part: string | number, whole: string | number): string | null {
  const [above, below] = [picos(String(part)), picos(String(whole))];
  if (below <= 0n) return null;
  return decimalOf(divided(above * 10_000n, below) * (UNIT / 100n));
}

/** By how many per cent there is more now than before; null where there was nothing before. */
export function changeOf(now: string | number, before: string | number): string | null {
  return percentOf(differenceOf(String(now), String(before)), before);
}

function picos(amount: string): bigint {
  const plain = plainDecimal(amount);
  if (plain === null) return 0n;
  const [whole = '0', fraction = ''] = plain.replace('-', '').split('.');
  const size = BigInt(whole) * UNIT + BigInt(fraction.slice(0, PLACES).padEnd(PLACES, '0'));
  return plain.startsWith('-') ? -size : size;
}

function decimalOf(size: bigint): string {
  const digits = (size < 0n ? -size : size).toString().padStart(PLACES + 1, '0');
  const plain = plainDecimal(`${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`) ?? '0';
  return size < 0n && plain !== '0' ? `-${plain}` : plain;
}

/** Half-even, as the server rounds. */
function divided(above: bigint, below: bigint): bigint {
  const [size, isNegative] = above < 0n ? [-above, true] : [above, false];
  const [quotient, rest] = [size / below, size % below];
  const isUp = rest * 2n > below || (rest * 2n === below && quotient % 2n === 1n);
  const rounded = isUp ? quotient + 1n : quotient;
  return isNegative ? -rounded : rounded;
}
