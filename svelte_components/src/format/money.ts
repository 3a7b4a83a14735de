/**
 * Dollars for people, from decimal strings and without floats.
 *
 * A model call often costs a fraction of a cent, so two decimals would show most days as nothing.
 * From one cent on there are two decimals; below it six, and more where six would leave fewer than
 * two significant digits. Only zero is ever shown as zero.
 */

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;
const SMALL_DECIMALS = 6;
const SIGNIFICANT_DIGITS = 2;
/** What every browser's `Intl.NumberFormat` accepts as a number of decimals. */
const MOST_DECIMALS = 20;

/** Shown where there is no number to show. */
export const NO_AMOUNT = '–';

/** A decimal string without exponent and needless zeros ("4.20E-7" → "0.00000042"), else null. */
export function plainDecimal(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const match = DECIMAL.exec(value.trim());
  if (!match) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  const padded = digits.padStart(digits.length + Math.max(0, 1 - point), '0');
  const at = Math.max(1, point);
  const filled = padded.padEnd(at, '0');
  const integer = filled.slice(0, at).replace(/^0+(?=\d)/, '');
  const rest = filled.slice(at).replace(/0+$/, '');
  const plain = rest ? `${integer}.${rest}` : integer;
  return sign === '-' && plain !== '0' ? `-${plain}` : plain;
}

/** How many decimals an amount of this size is shown with. */
function decimalsOf(plain: string): { least: number; most: number } {
  const small = /^-?0\.(00+)[1-9]/.exec(plain);
  if (!small) return { least: 2, most: 2 };
  const zeros = small[1]?.length ?? 0;
  const most = Math.min(MOST_DECIMALS, Math.max(SMALL_DECIMALS, zeros + SIGNIFICANT_DIGITS));
  return { least: SMALL_DECIMALS, most };
}

/**
 * "$1,234.57", "$0.000123", "$0.00000042"; an en dash for anything that is not a decimal. Money of
 * statements is in another currency, and has the decimals it came with.
 */
export function formatMoney(value: unknown, languageTag: string, currency = 'USD'): string {
  const plain = plainDecimal(value);
  if (plain === null) return NO_AMOUNT;
  const { least, most } = decimalsOf(plain);
  const format = new Intl.NumberFormat(languageTag, {
    style: 'currency',
    currency,
    minimumFractionDigits: least,
    maximumFractionDigits: most,
    useGrouping: 'always',
  });
  // A string is formatted digit by digit; converting it to a number first would round it.
  return format.format(plain as `${number}`);
}

/** The label of an axis: short, and only as exact as a tick is. */
export function formatMoneyTick(value: number, languageTag: string): string {
  const size = Math.abs(value);
  return new Intl.NumberFormat(languageTag, {
    style: 'currency',
    currency: 'USD',
    currencyDisplay: 'narrowSymbol',
    notation: size >= 1000 ? 'compact' : 'standard',
    minimumFractionDigits: size > 0 && size < 10 && size >= 0.01 ? 2 : 0,
    maximumFractionDigits: size < 0.01 ? 12 : 2,
    maximumSignificantDigits: size < 0.01 ? 3 : undefined,
  }).format(value);
}

/** The height of a bar. This is a drawing, not an account: a float is exact enough. */
export function approximate(value: unknown): number {
  const plain = plainDecimal(value);
  return plain === null ? 0 : Math.max(0, Number(plain));
}
