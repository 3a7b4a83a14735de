import { NO_AMOUNT, plainDecimal } from './money';

/** "12.5%" from "12.5"; digit by digit, as money is. */
export function formatPercent(value: string | null, languageTag: string): string {
  const plain = plainDecimal(value);
  if (plain === null) return NO_AMOUNT;
  const format = new Intl.NumberFormat(languageTag, {
    style: 'unit',
    unit: 'percent',
    maximumFractionDigits: 1,
  });
  return format.format(plain as `${number}`);
}

/** A rate or another plain number with all the digits it has, such as "1.35". */
export function formatDecimal(value: string | null, languageTag: string): string {
  const plain = plainDecimal(value);
  if (plain === null) return NO_AMOUNT;
  return new Intl.NumberFormat(languageTag, { maximumFractionDigits: 12 }).format(
    plain as `${number}`,
  );
}
