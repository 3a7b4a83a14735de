/** What the numbers of some days say, and on which of them there was most. */
import type { Measures } from '../client/measures';
import type { Report, ReportLine } from '../client/my-report';
import { changeOf, partOf, percentOf } from '../format/arithmetic';
import { compareDecimals } from '../format/decimal';
import type { MessageKey } from '../locale/keys';
import { NO_AMOUNT } from '../format/money';
import type { Locale } from '../locale/locale';

export interface Stat {
  name: MessageKey;
  value: string;
  hint: string;
  /** Against the period before. */
  change: string | null;
  goodWhen: 'up' | 'down' | 'neither';
}

/** How a number is read off a total; null where nothing is known. */
interface Reading {
  name: MessageKey;
  read(total: Measures, days: number): string | number | null;
  say(value: string, locale: Locale): string;
  hint?(total: Measures, locale: Locale, days: number): string;
  goodWhen?: 'up' | 'down';
}

const count = (value: string, locale: Locale) => locale.count(Number(value));
const money = (value: string, locale: Locale) => locale.money(value);

const part = (value: number, whole: number, locale: Locale) =>
  locale.t('usage.percentOfRequests', { percent: locale.percent(percentOf(value, whole) ?? '0') });

const READINGS: readonly Reading[] = [
  {
    name: 'usage.measureCost',
    read: ({ cost }) => cost,
    say: money,
    hint: ({ cost }, locale, days) =>
      locale.t('usage.perDay', { count: locale.money(partOf(cost, days)) }),
  },
  {
    name: 'usage.measureRequests',
    read: ({ requests }) => requests,
    say: count,
    hint: ({ requests }, locale, days) =>
      locale.t('usage.perDay', { count: locale.count(Math.round(requests / days)) }),
  },
  {
    name: 'usage.measureTokens',
    read: ({ tokens }) => tokens,
    say: count,
    hint: ({ tokens }, locale, days) =>
      locale.t('usage.perDay', { count: locale.count(Math.round(tokens / days)) }),
  },
  {
    name: 'usage.statInput',
    read: ({ promptTokens }) => promptTokens,
    say: count,
    hint: ({ cachedTokens, promptTokens }, locale) =>
      locale.t('usage.cached', {
        count: locale.count(cachedTokens),
        percent: locale.percent(percentOf(cachedTokens, promptTokens) ?? '0'),
      }),
  },
  {
    name: 'usage.statOutput',
    read: ({ completionTokens }) => completionTokens,
    say: count,
    hint: ({ reasoningTokens, completionTokens }, locale) =>
      locale.t('usage.reasoning', {
        count: locale.count(reasoningTokens),
        percent: locale.percent(percentOf(reasoningTokens, completionTokens) ?? '0'),
      }),
  },
  {
    name: 'usage.statRequestCost',
    read: ({ cost, requests }) => partOf(cost, requests),
    say: money,
    hint: ({ tokens, requests }, locale) =>
      locale.t('usage.tokensEach', {}, requests > 0 ? Math.round(tokens / requests) : 0),
  },
  {
    name: 'usage.statTasks',
    read: ({ taskRequests }) => taskRequests,
    say: count,
    hint: ({ taskRequests, requests }, locale) =>
      taskRequests === null ? locale.t('usage.tasksUnknown') : part(taskRequests, requests, locale),
  },
  {
    name: 'usage.statFailures',
    read: ({ failures }) => failures,
    say: count,
    hint: ({ failures, requests }, locale) => part(failures, requests, locale),
    goodWhen: 'down',
  },
  {
    name: 'usage.statCancelled',
    read: ({ cancelled }) => cancelled,
    say: count,
    hint: ({ cancelled, requests }, locale) => part(cancelled, requests, locale),
  },
  {
    name: 'usage.statFirstByte',
    read: ({ firstByteMs }) => firstByteMs,
    say: (value, locale) => locale.duration(Number(value)),
    goodWhen: 'down',
  },
  {
    name: 'usage.statSpeed',
    read: ({ tokensPerSecond }) => tokensPerSecond,
    say: (value, locale) => locale.t('usage.tokensPerSecond', { count: locale.decimal(value) }),
    goodWhen: 'up',
  },
];

/** `report` tells days apart. */
export function statsOf(report: Report, locale: Locale): Stat[] {
  return [...readingsOf(report, locale), activeDays(report, locale)];
}

function activeDays({ lines, period }: Report, locale: Locale): Stat {
  return {
    name: 'usage.activeDays',
    value: locale.count(lines.filter(({ requests }) => requests > 0).length),
    hint: locale.t('usage.ofDays', {}, period.days),
    change: null,
    goodWhen: 'neither',
  };
}

function readingsOf({ total, comparison, period }: Report, locale: Locale): Stat[] {
  return READINGS.map(({ name, read, say, hint, goodWhen }) => {
    const now = read(total, period.days);
    const before = comparison && read(comparison.total, comparison.period.days);
    return {
      name,
      value: now === null ? NO_AMOUNT : say(String(now), locale),
      hint: hint?.(total, locale, period.days) ?? '',
      change: now === null || before === null ? null : changeOf(now, before),
      goodWhen: goodWhen ?? 'neither',
    };
  });
}

export interface Peaks {
  dearest: ReportLine;
  busiest: ReportLine;
}

/** The days with the most of it, the earlier of two that are equal; null where nothing was used. */
export function peaksOf(lines: readonly ReportLine[]): Peaks | null {
  const [first, ...others] = lines.filter(({ requests }) => requests > 0);
  if (!first) return null;
  return {
    dearest: others.reduce(
      (best, line) => (compareDecimals(line.cost, best.cost) > 0 ? line : best),
      first,
    ),
    busiest: others.reduce((best, line) => (line.requests > best.requests ? line : best), first),
  };
}
