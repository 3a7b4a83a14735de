/** What a chart or a list shows of usage: money, tokens or requests. */
import type { Measures } from '../client/measures';
import { approximate } from '../format/money';
import type { MessageKey } from '../locale/keys';
import type { Locale } from '../locale/locale';

export type Measure = 'cost' | 'tokens' | 'requests';

interface Meaning {
  name: MessageKey;
  chart: MessageKey;
  /** Height of the bar, in the measure's own unit. */
  height(line: Measures): number;
  /** The exact value, in words. */
  say(line: Measures, locale: Locale): string;
  tick(value: number, locale: Locale): string;
  /** Halves of these do not exist, so an axis must not show them. */
  whole: boolean;
}

export const MEASURES: Record<Measure, Meaning> = {
  cost: {
    name: 'usage.measureCost',
    chart: 'usage.chartCost',
    height: ({ cost }) => approximate(cost),
    say: ({ cost }, locale) => locale.money(cost),
    tick: (value, locale) => locale.moneyTick(value),
    whole: false,
  },
  tokens: {
    name: 'usage.measureTokens',
    chart: 'usage.chartTokens',
    height: ({ tokens }) => tokens,
    say: ({ tokens }, locale) => locale.t('usage.tokens', {}, tokens),
    tick: (value, locale) => locale.countTick(value),
    whole: true,
  },
  requests: {
    name: 'usage.measureRequests',
    chart: 'usage.chartRequests',
    height: ({ requests }) => requests,
    say: ({ requests }, locale) => locale.t('usage.requests', {}, requests),
    tick: (value, locale) => locale.countTick(value),
    whole: true,
  },
};

export const MEASURE_NAMES = Object.keys(MEASURES) as Measure[];

export const NOTHING: Measures = {
  tokens: 0,
  cost: '0',
  requests: 0,
  promptTokens: 0,
  completionTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
  failures: 0,
  cancelled: 0,
  taskRequests: 0,
  firstByteMs: null,
  tokensPerSecond: null,
};
