/** A report as a chart over time: points, series, and the same as a table. */
import type { Dimension, Report, ReportLine } from '../client/my-report';
import type { Measures } from '../client/measures';
import { colorOf, REST_COLOR, type Point, type Series } from '../charts/types';
import type { ChartTable } from '../charts/table';
import { sumOf } from '../format/arithmetic';
import { daysIn, eachDay, type Range } from '../format/range';
import type { Locale } from '../locale/locale';
import { MEASURES, NOTHING, type Measure } from './measures';

export type Days = Pick<Range, 'from' | 'to'>;
export type TimeStep = 'day' | 'month';
/** What bars are made of; `none` is one piece. */
export type Stack = 'none' | 'model' | 'user';

/** More bars than these are too thin to be told apart. */
const MOST_BARS = 120;

export const ALL = 'all';
const REST = 'rest';

export function timeStepOf(days: Days): TimeStep {
  return daysIn(days) > MOST_BARS ? 'month' : 'day';
}

/** What a report's lines are told apart by besides time. */
export function stackOf({ series }: Report): Stack {
  const group = series[0]?.group ?? {};
  if ('model' in group) return 'model';
  return 'user' in group ? 'user' : 'none';
}

/** The keys of the axis, oldest first, also those on which nothing was used. */
export function stepsOf(days: Days, step: TimeStep): string[] {
  const all = eachDay(days);
  return step === 'day' ? all : [...new Set(all.map((day) => day.slice(0, 7)))];
}

/** The days of a bar that was picked, no further than the range. */
export function daysOfStep(key: string, { from, to }: Days): Days {
  if (key.length > 7) return { from: key, to: key };
  const [first, last] = [`${key}-01`, lastOf(key)];
  return { from: first < from ? from : first, to: last > to ? to : last };
}

function lastOf(month: string): string {
  const [year, number] = month.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10);
}

/** A series of its own for all that is told apart, and one colour for what is folded together. */
export function seriesOf(report: Report, locale: Locale): Series[] {
  const stack = stackOf(report);
  if (stack === 'none') {
    return [{ key: ALL, label: locale.t('usage.everything'), color: colorOf(0) }];
  }
  return report.series.map((line, index) => ({
    key: keyOf(line, stack),
    label: line.isRest ? locale.t('usage.others') : labelOf(line, stack, locale),
    color: line.isRest ? REST_COLOR : colorOf(index),
  }));
}

/** What a series' key stands for; null for the rest, and for everything. */
export function valueOf(seriesKey: string | null): string | null {
  return seriesKey?.startsWith('=') ? seriesKey.slice(1) : null;
}

function keyOf({ group, isRest }: ReportLine, stack: Dimension): string {
  return isRest ? REST : `=${group[stack] ?? ''}`;
}

export function labelOf(line: ReportLine, dimension: Dimension, locale: Locale): string {
  const value = line.group[dimension] ?? '';
  if (dimension !== 'user') return value || locale.t('usage.unknown');
  return line.userName || line.userEmail || value || locale.t('usage.nobody');
}

interface Course {
  report: Report;
  measure: Measure;
  series: readonly Series[];
  today: string;
}

export function pointsOf({ report, measure, series, today }: Course, locale: Locale): Point[] {
  const step = timeStepOf(report.period);
  const cells = cellsOf(report.lines, step, stackOf(report));
  return stepsOf(report.period, step).map((key): Point => {
    const cell = (seriesKey: string) => cells.get(key)?.get(seriesKey) ?? NOTHING;
    const all = totalOf([...(cells.get(key)?.values() ?? [])]);
    const { height, say } = MEASURES[measure];
    const isNow = today.startsWith(key);
    return {
      key,
      label: isNow && step === 'day' ? locale.t('usage.today') : shortOf(key, locale),
      longLabel: key.length > 7 ? locale.day(key, 'long') : locale.month(key),
      values: Object.fromEntries(series.map((each) => [each.key, height(cell(each.key))])),
      said: Object.fromEntries(series.map((each) => [each.key, say(cell(each.key), locale)])),
      total: say(all, locale),
      ...(isNow && { note: locale.t('usage.soFar') }),
    };
  });
}

/** The heights of the period before, step by step from its beginning. */
export function comparedOf(before: Report, step: TimeStep, measure: Measure, length: number) {
  const cells = cellsOf(before.lines, step, 'none');
  const keys = stepsOf(before.period, step);
  return Array.from({ length }, (_, index) => {
    const cell = cells.get(keys[index] ?? '')?.get(ALL);
    return index < keys.length ? MEASURES[measure].height(cell ?? NOTHING) : null;
  });
}

/** Every step with its exact numbers, the newest first. */
export function tableOf(report: Report, locale: Locale): ChartTable {
  const step = timeStepOf(report.period);
  const cells = cellsOf(report.lines, step, 'none');
  const rows = stepsOf(report.period, step).map((key) => {
    const { requests, tokens, cost } = cells.get(key)?.get(ALL) ?? NOTHING;
    return [shortOf(key, locale), locale.count(requests), locale.count(tokens), locale.money(cost)];
  });
  return {
    caption: step === 'day' ? locale.t('usage.tableDays') : locale.t('usage.tableMonths'),
    columns: [
      step === 'day' ? locale.t('usage.day') : locale.t('usage.month'),
      locale.t('usage.measureRequests'),
      locale.t('usage.measureTokens'),
      locale.t('usage.measureCost'),
    ],
    rows: rows.reverse(),
  };
}

function shortOf(key: string, locale: Locale): string {
  return key.length > 7 ? locale.day(key) : locale.month(key);
}

/** By step and series; lines that fall together are added up. */
function cellsOf(lines: readonly ReportLine[], step: TimeStep, stack: Stack) {
  const cells = new Map<string, Map<string, Measures>>();
  for (const line of lines) {
    const time = line.group[step] ?? '';
    const key = stack === 'none' ? ALL : keyOf(line, stack);
    const row = cells.get(time) ?? new Map<string, Measures>();
    const before = row.get(key);
    row.set(key, before ? totalOf([before, line]) : line);
    cells.set(time, row);
  }
  return cells;
}

/** The sums; means cannot be added up, so there are none. */
export function totalOf(lines: readonly Measures[]): Measures {
  const add = (count: (line: Measures) => number) =>
    lines.reduce((sum, line) => sum + count(line), 0);
  const tasksAreKnown = lines.every((line) => line.taskRequests !== null);
  return {
    tokens: add((line) => line.tokens),
    cost: sumOf(lines.map((line) => line.cost)),
    requests: add((line) => line.requests),
    promptTokens: add((line) => line.promptTokens),
    completionTokens: add((line) => line.completionTokens),
    cachedTokens: add((line) => line.cachedTokens),
    reasoningTokens: add((line) => line.reasoningTokens),
    failures: add((line) => line.failures),
    cancelled: add((line) => line.cancelled),
    taskRequests: tasksAreKnown ? add((line) => line.taskRequests ?? 0) : null,
    firstByteMs: null,
    tokensPerSecond: null,
  };
}
