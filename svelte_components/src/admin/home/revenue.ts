import type { ChartTable } from '../../charts/table';
import type { Point, Series } from '../../charts/types';
import type { Grouping, Revenue, RevenueLine } from '../../client/home';
import { approximate } from '../../format/money';
import { addDays, daysIn, eachDay, type Range } from '../../format/range';
import type { Locale } from '../../locale/locale';

const MOST_DAYS = 62;
const MOST_WEEKS_IN_DAYS = 200;

/** As fine as a chart of this width can show. */
export function groupingOf(range: Pick<Range, 'from' | 'to'>): Grouping {
  const days = daysIn(range);
  if (days <= MOST_DAYS) return 'day';
  return days <= MOST_WEEKS_IN_DAYS ? 'week' : 'month';
}

/** Every period of the answer, oldest first; one in which nothing was used is not in the answer. */
export function wholeLines({ period, lines }: Revenue, grouping: Grouping): RevenueLine[] {
  const known = new Map(lines.map((line) => [line.period, line]));
  const names = [...new Set(eachDay(period).map((day) => periodOf(day, grouping)))];
  return names.map((name) => known.get(name) ?? { ...UNUSED, period: name });
}

const UNUSED = { revenue: '0', rawCost: '0', profit: '0', margin: null, requests: 0 };

function periodOf(day: string, grouping: Grouping): string {
  if (grouping === 'day') return day;
  return grouping === 'month' ? day.slice(0, 7) : weekOf(day);
}

/** `2026-W48`: weeks begin on Monday, and belong to the year that has their Thursday. */
function weekOf(day: string): string {
  const weekday = (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7;
  const thursday = addDays(day, 3 - weekday);
  const year = thursday.slice(0, 4);
  const week = Math.ceil(daysIn({ from: `${year}-01-01`, to: thursday }) / 7);
  return `${year}-W${String(week).padStart(2, '0')}`;
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
  return wholeLines(revenue, grouping).map((line) => ({
    ...named(locale, line, grouping),
    values: { cost: approximate(line.rawCost), profit: approximate(line.profit) },
    said: { cost: locale.money(line.rawCost), profit: locale.money(line.profit) },
    total: locale.t('admin.revenueOf', { amount: locale.money(line.revenue) }),
    ...(line.period === today && { note: locale.t('admin.soFar') }),
  }));
}

export function marginPoints(locale: Locale, revenue: Revenue, grouping: Grouping): Point[] {
  return wholeLines(revenue, grouping).map((line) => ({
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
