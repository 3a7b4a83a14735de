import { formatCount, formatCountTick } from '../format/count';
import { formatDay, formatInstant, formatMonth, type DayStyle } from '../format/date';
import { formatMoney, formatMoneyTick } from '../format/money';
import { en, type MessageKey, type Text } from './en';

const FALLBACK = 'en-US';

/** How to say things to this reader. Components are given one and know no language themselves. */
export interface Locale {
  /** BCP 47 tag the numbers and dates follow. */
  readonly tag: string;
  /** The text of a key; `count` chooses the plural form and is the value of `{count}`. */
  t(key: MessageKey, values?: Record<string, string>, count?: number): string;
  money(value: unknown): string;
  moneyTick(value: number): string;
  count(value: number): string;
  countTick(value: number): string;
  day(date: string, style?: DayStyle): string;
  month(month: string): string;
  /** `instant` is in UTC milliseconds. */
  instant(instant: number): string;
}

/** The locale for what the host keeps in `localStorage.locale`; anything unusable means English. */
export function localeOf(stored: string | null | undefined): Locale {
  const tag = usableTag(stored);
  const plurals = new Intl.PluralRules('en');
  const fill = (text: Text, values: Record<string, string>, count?: number) => {
    const form = typeof text === 'string' ? text : text[pluralOf(plurals, count)];
    return form.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
  };
  return {
    tag,
    t: (key, values = {}, count) =>
      fill(
        en[key],
        count === undefined ? values : { count: formatCount(count, tag), ...values },
        count,
      ),
    money: (value) => formatMoney(value, tag),
    moneyTick: (value) => formatMoneyTick(value, tag),
    count: (value) => formatCount(value, tag),
    countTick: (value) => formatCountTick(value, tag),
    day: (date, style) => formatDay(date, tag, style),
    month: (month) => formatMonth(month, tag),
    instant: (instant) => formatInstant(instant, tag),
  };
}

function pluralOf(rules: Intl.PluralRules, count = 0): 'one' | 'other' {
  return rules.select(count) === 'one' ? 'one' : 'other';
}

function usableTag(stored: string | null | undefined): string {
  try {
    const [tag] = Intl.getCanonicalLocales((stored || FALLBACK).replaceAll('_', '-'));
    return tag ?? FALLBACK;
  } catch {
    return FALLBACK;
  }
}
