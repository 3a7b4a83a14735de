/** A report by day as a chart has it: every day of the period, those without usage too. */
import type { Report, ReportLine } from '../../../client/organization-usage';
import type { ChartTable } from '../../../charts/table';
import type { Point, Series } from '../../../charts/types';
import { approximate } from '../../../format/money';
import type { Locale } from '../../../locale/locale';
import { dayAfter } from '../fields/days';

export const RANGES = ['7', '30', '90'] as const;
export type DayRange = (typeof RANGES)[number];

/** So many days, whatever the address says. */
export function rangeOf(text: string | undefined): DayRange {
  return RANGES.find((range) => range === text) ?? '30';
}

const NOTHING = { billed: '0', rawCost: '0', profit: '0', margin: null, requests: 0, tokens: 0 };

/** Cost below and profit on top, so that a bar is as high as what was billed. */
export function seriesOf(locale: Locale): Series[] {
  return [
    { key: 'cost', label: locale.t('organizations.rawCost'), color: 'var(--series-rest)' },
    { key: 'profit', label: locale.t('organizations.profit'), color: 'var(--series-1)' },
  ];
}

export function linesByDay(report: Report): ReportLine[] {
  const found = new Map(report.lines.map((line) => [line.group, line]));
  const lines: ReportLine[] = [];
  for (let day = report.from; day <= report.to; day = dayAfter(day)) {
    const empty = { ...NOTHING, group: day, userName: null, userEmail: null };
    lines.push(found.get(day) ?? empty);
  }
  return lines;
}

export function pointsOf(lines: readonly ReportLine[], locale: Locale): Point[] {
  return lines.map(({ group, billed, rawCost, profit }, index) => ({
    key: group,
    label: index === lines.length - 1 ? locale.t('organizations.today') : locale.day(group),
    longLabel: locale.day(group, 'long'),
    values: { cost: approximate(rawCost), profit: approximate(profit) },
    said: { cost: locale.money(rawCost), profit: locale.money(profit) },
    total: locale.t('organizations.billedSaid', { amount: locale.money(billed) }),
  }));
}

export function tableOf(lines: readonly ReportLine[], locale: Locale): ChartTable {
  return {
    caption: locale.t('organizations.byDay'),
    columns: [
      locale.t('organizations.day'),
      locale.t('organizations.billed'),
      locale.t('organizations.rawCost'),
      locale.t('organizations.profit'),
      locale.t('organizations.requests'),
    ],
    rows: lines.map(({ group, billed, rawCost, profit, requests }) => [
      locale.day(group, 'long'),
      locale.money(billed),
      locale.money(rawCost),
      locale.money(profit),
      locale.count(requests),
    ]),
  };
}
