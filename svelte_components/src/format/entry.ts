/**
 * Amounts as people type them in their language, made plain decimal strings, and back. No float is
 * ever in between.
 */
import { plainDecimal } from './money';

const SPACES = /[\s\u00a0\u202f'’]/g;
const SIGNS = /^(?:US\$|USD|\$)|(?:US\$|USD|\$)$/gi;

/**
 * "1 234,50", "1,234.50" and "$1234.5" are "1234.5"; null for what is no amount, or could be two
 * different ones. Where a language groups digits by the only mark there is, as English does in
 * "1,234", three digits after it are a group.
 */
export function decimalFrom(typed: string, languageTag: string): string | null {
  const bare = asciiDigits(typed, languageTag).replace(SPACES, '').replace(SIGNS, '');
  if (!/^\d*[\d.,]*\d$/.test(bare)) return null;
  const mark = decimalMark(bare, languageTag);
  if (mark === undefined) return null;
  const [whole = '', ...fractions] = mark ? bare.split(mark) : [bare];
  if (fractions.length > 1 || !isGrouped(whole)) return null;
  const fraction = fractions[0] ?? '';
  if (/[.,]/.test(fraction)) return null;
  return plainDecimal(`${whole.replace(/[.,]/g, '') || '0'}${fraction && `.${fraction}`}`);
}

/** A plain decimal as its reader would type it: "1234,5" in Polish. */
export function entryOf(decimal: string | null, languageTag: string): string {
  const plain = plainDecimal(decimal);
  return plain === null ? '' : plain.replace('.', marksOf(languageTag).decimal);
}

/** The mark before the decimals; empty where there are none, undefined where nobody can tell. */
function decimalMark(bare: string, languageTag: string): string | undefined {
  const [dots, commas] = [bare.split('.').length - 1, bare.split(',').length - 1];
  if (dots + commas === 0) return '';
  if (dots > 0 && commas > 0) return bare.lastIndexOf('.') > bare.lastIndexOf(',') ? '.' : ',';
  const mark = dots > 0 ? '.' : ',';
  if (dots + commas > 1) return '';
  const { decimal, group } = marksOf(languageTag);
  if (mark === decimal) return mark;
  return mark === group && /[.,]\d{3}$/.test(bare) ? '' : mark;
}

function isGrouped(whole: string): boolean {
  return /^\d*$/.test(whole) || /^\d{1,3}([.,])\d{3}(\1\d{3})*$/.test(whole);
}

function marksOf(languageTag: string): { decimal: string; group: string } {
  const parts = new Intl.NumberFormat(languageTag, { numberingSystem: 'latn' }).formatToParts(
    12345678.9,
  );
  const found = (type: string) => parts.find((part) => part.type === type)?.value ?? '';
  return { decimal: found('decimal') === ',' ? ',' : '.', group: found('group') };
}

/** Digits of other scripts, such as Arabic ones, and their marks. */
function asciiDigits(typed: string, languageTag: string): string {
  const digits = new Intl.NumberFormat(languageTag, { useGrouping: false }).format(9876543210);
  const own = [...digits].reverse();
  return [...typed]
    .map((character) => {
      const index = own.indexOf(character);
      return index < 0 ? character : String(index);
    })
    .join('')
    .replaceAll('٫', '.')
    .replaceAll('٬', '');
}
