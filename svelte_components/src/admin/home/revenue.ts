import type { ChartTable } from '../../charts/table';
import type { Point, Series } from '../../charts/types';
import type { Grouping, Revenue, RevenueLine } from '../../client/home';
import { approximate } from '../../format/money';
import { daysIn, type Range } from '../../format/range';
import type { Locale } from '../../locale/locale';

const MOST_DAYS = 62;
const MOST_WEEKS_IN_DAYS = 200;

/** As fine as a chart of this width can show. */
export function groupingOf(range: Pick<Range, 'from' | 'to'>): Grouping {
  const days = daysIn(range);
  if (days <= MOST_DAYS) return 'day';
  return days <= MOST_WEEKS_IN_DAYS ? 'week' : 'month';
}

export function sayPeriod(
  locale: Locale,
  period: string,
  grouping: string,
  style: 'short' | 'long',
): string {
  if (grouping === 'day') return locale.day(period, style);
  if (grouping === 'month') return locale.month(period);
  const [year = '', week = ''] = period.split('-W');
  return style === 'short'
    ? locale.t('admin.week', { week })
    : `${locale.t('admin.week', { week })} · ${year}`;
}

export function moneySeries(locale: Locale): Series[] {
  return [
    { key: 'cost', label: locale.t('admin.cost'), color: 'var(--series-rest)' },
    { key: 'profit', label: locale.t('admin.profit'), color: 'var(--series-1)' },
  ];
}

/** `today` is not over yet, and its point says so. */
export function moneyPoints(
  locale: Locale,
  revenue: Revenue,
  grouping: Grouping,
  today: string,
): Point[] {
  return revenue.lines.map((line) => ({
    ...named(locale, line, grouping),
    values: { cost: approximate(line.rawCost), profit: approximate(line.profit) },
    said: { cost: locale.money(line.rawCost), profit: locale.money(line.profit) },
    total: locale.t('admin.revenueOf', { amount: locale.money(line.revenue) }),
    ...(line.period === today && { note: locale.t('admin.soFar') }),
  }));
}

export function marginPoints(locale: Locale, revenue: Revenue, grouping: Grouping): Point[] {
  return revenue.lines.map((line) => ({
    ...named(locale, line, grouping),
    values: { margin: line.margin === null ? null : Number(line.margin) },
    said: { margin: locale.percent(line.margin) },
  }));
}

export function tableOf(locale: Locale, revenue: Revenue, grouping: Grouping): ChartTable {
  const cells = (line: RevenueLine) => [
    locale.money(line.revenue),
    locale.money(line.rawCost),
    locale.money(line.profit),
    locale.percent(line.margin),
    locale.count(line.requests),
  ];
  const lines = [...revenue.lines].reverse();
  return {
    caption: locale.t('admin.revenueTable'),
    columns: [
      locale.t('admin.period'),
      locale.t('admin.revenue'),
      locale.t('admin.cost'),
      locale.t('admin.profit'),
      locale.t('admin.marginName'),
      locale.t('admin.requestsName'),
    ],
    rows: [
      [locale.t('admin.total'), ...cells(revenue.totals)],
      ...lines.map((line) => [sayPeriod(locale, line.period, grouping, 'long'), ...cells(line)]),
    ],
  };
}

function named(locale: Locale, { period }: RevenueLine, grouping: Grouping) {
  return {
    key: period,
    label: sayPeriod(locale, period, grouping, 'short'),
    longLabel: sayPeriod(locale, period, grouping, 'long'),
  };
}
