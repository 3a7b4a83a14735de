import { formatCount, formatCountTick } from '../format/count';
import { formatDay, formatInstant, formatMonth, type DayStyle } from '../format/date';
import { formatDuration } from '../format/duration';
import { formatMoney, formatMoneyTick } from '../format/money';
import { formatDecimal, formatPercent } from '../format/number';
import type { MessageKey } from './keys';
import { filled, type Text, type Texts } from './texts';

const FALLBACK = 'en-US';

/** How to say things to this reader. Components are given one and know no language themselves. */
export interface Locale {
  /** BCP 47 tag the numbers and dates follow. */
  readonly tag: string;
  readonly direction: 'ltr' | 'rtl';
  /** The text of a key; `count` chooses the plural form and is the value of `{count}`. */
  t(key: MessageKey, values?: Record<string, string>, count?: number): string;
  /** Dollars, or an amount of another currency, from a decimal string; an en dash for no amount. */
  money(value: unknown, currency?: string): string;
  moneyTick(value: number): string;
  count(value: number): string;
  countTick(value: number): string;
  /** A decimal string that says per cent: "12.5" is 12.5 %; an en dash for none. */
  percent(value: string | null): string;
  /** A rate or another plain decimal string, with all its digits. */
  decimal(value: string | null): string;
  day(date: string, style?: DayStyle): string;
  month(month: string): string;
  /** `instant` is in UTC milliseconds. */
  instant(instant: number): string;
  /** "1.2 s", "3 min" from milliseconds. */
  duration(milliseconds: number): string;
}

/**
 * The locale of a language tag. `texts` may be incomplete: what they lack is said in English, by
 * English's plural rules.
 */
export function localeOf(tag: string, english: Texts, texts: Texts = {}): Locale {
  const own = new Intl.PluralRules(tag);
  const fallback = new Intl.PluralRules('en');
  const say = (key: string): { text: Text; rules: Intl.PluralRules } => {
    const text = texts[key];
    if (text !== undefined) return { text, rules: own };
    return { text: english[key] ?? key, rules: fallback };
  };
  const direction = directionOf(tag);
  // A name or an amount within a sentence that runs the other way must not turn its order around.
  const within = direction === 'rtl' ? isolated : (values: Record<string, string>) => values;
  return {
    tag,
    direction,
    t(key, values = {}, count) {
      const { text, rules } = say(key);
      if (count === undefined) return filled(text, within(values), 'other');
      const counted = { count: formatCount(count, tag), ...values };
      return filled(text, within(counted), rules.select(count));
    },
    money: (value, currency) => formatMoney(value, tag, currency),
    moneyTick: (value) => formatMoneyTick(value, tag),
    count: (value) => formatCount(value, tag),
    countTick: (value) => formatCountTick(value, tag),
    percent: (value) => formatPercent(value, tag),
    decimal: (value) => formatDecimal(value, tag),
    day: (date, style) => formatDay(date, tag, style),
    month: (month) => formatMonth(month, tag),
    instant: (instant) => formatInstant(instant, tag),
    duration: (milliseconds) => formatDuration(milliseconds, tag),
  };
}

/** Each value between Unicode's first strong isolate and its end. */
function isolated(values: Record<string, string>): Record<string, string> {
  const entries = Object.entries(values).map(([name, value]) => [name, `\u2068${value}\u2069`]);
  return Object.fromEntries(entries);
}

/** The tag of what the host keeps in `localStorage.locale`; anything unusable means English. */
export function usableTag(stored: string | null | undefined): string {
  try {
    const [tag] = Intl.getCanonicalLocales((stored || FALLBACK).replaceAll('_', '-'));
    return tag ?? FALLBACK;
  } catch {
    return FALLBACK;
  }
}

/** Scripts that run from right to left, for browsers that do not tell a language's direction. */
const RIGHT_TO_LEFT = ['ar', 'ckb', 'dv', 'fa', 'he', 'ku', 'ps', 'sd', 'ug', 'ur', 'yi'];

function directionOf(tag: string): 'ltr' | 'rtl' {
  return RIGHT_TO_LEFT.includes(tag.split('-')[0] ?? '') ? 'rtl' : 'ltr';
}
