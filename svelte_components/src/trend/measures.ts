import type { DayUsage } from '../client/usage';
import { approximate } from '../format/money';
import type { MessageKey } from '../locale/keys';
import type { Locale } from '../locale/locale';

export type Measure = 'cost' | 'tokens' | 'requests';

interface Meaning {
  name: MessageKey;
  chart: MessageKey;
  /** Height of the bar, in the measure's own unit. */
  height(day: DayUsage): number;
  /** The day's exact value, in words. */
  say(day: DayUsage, locale: Locale): string;
  tick(value: number, locale: Locale): string;
  /** Halves of these do not exist, so an axis must not show them. */
  whole: boolean;
}

export const MEASURES: Record<Measure, Meaning> = {
  cost: {
    name: 'usage.measureCost',
    chart: 'usage.chartCost',
    height: (day) => approximate(day.cost),
    say: (day, locale) => locale.money(day.cost),
    tick: (value, locale) => locale.moneyTick(value),
    whole: false,
  },
  tokens: {
    name: 'usage.measureTokens',
    chart: 'usage.chartTokens',
    height: (day) => Math.max(0, day.tokens),
    say: (day, locale) => locale.t('usage.tokens', {}, day.tokens),
    tick: (value, locale) => locale.countTick(value),
    whole: true,
  },
  requests: {
    name: 'usage.measureRequests',
    chart: 'usage.chartRequests',
    height: (day) => Math.max(0, day.requests),
    say: (day, locale) => locale.t('usage.requests', {}, day.requests),
    tick: (value, locale) => locale.countTick(value),
    whole: true,
  },
};

export const MEASURE_NAMES = Object.keys(MEASURES) as Measure[];
