// @vitest-environment node
import { describe, expect, it } from 'vitest';
import type { Report, ReportLine } from '../client/my-report';
import { english } from '../testing/locale';
import { reportOf } from '../testing/report';
import { TODAY } from '../testing/usage';
import {
  comparedOf,
  daysOfStep,
  pointsOf,
  seriesOf,
  stackOf,
  stepsOf,
  tableOf,
  timeStepOf,
  totalOf,
  valueOf,
} from './courses';
import { NOTHING } from './measures';
import { modelRows, trendsOf } from './models';
import { peaksOf, statsOf } from './stats';
import { daysText } from './texts';

const locale = english();
const MONTH = { from: '2026-10-26', to: TODAY };
const YEAR = { from: '2025-11-25', to: TODAY };

function line(change: Partial<ReportLine>): ReportLine {
  const nobody = { userName: null, userEmail: null };
  return { ...NOTHING, group: {}, isRest: false, ...nobody, days: 1, previous: null, ...change };
}

function report(change: Partial<Report>): Report {
  return {
    period: { from: '2026-11-23', to: TODAY, days: 2 },
    isComplete: true,
    total: NOTHING,
    comparison: null,
    series: [],
    lines: [],
    lineCount: 0,
    ...change,
  };
}

describe('time', () => {
  it('goes by days, and by months where days would be too thin', () => {
    expect(timeStepOf(MONTH)).toBe('day');
    expect(timeStepOf(YEAR)).toBe('month');
    expect(stepsOf(MONTH, 'day')).toHaveLength(30);
    expect(stepsOf(YEAR, 'month')).toHaveLength(13);
  });

  it('leads from a bar to its days, within the range', () => {
    expect(daysOfStep('2026-11-03', MONTH)).toEqual({ from: '2026-11-03', to: '2026-11-03' });
    expect(daysOfStep('2026-02', YEAR)).toEqual({ from: '2026-02-01', to: '2026-02-28' });
    expect(daysOfStep('2025-11', YEAR)).toEqual({ from: '2025-11-25', to: '2025-11-30' });
    expect(daysOfStep('2026-11', YEAR)).toEqual({ from: '2026-11-01', to: TODAY });
  });

  it('is said with its years where there are two', () => {
    expect(daysText(MONTH, locale)).toBe('Oct 26 – Nov 24');
    expect(daysText(YEAR, locale)).toBe('Tue, Nov 25, 2025 – Tue, Nov 24, 2026');
    expect(daysText({ from: TODAY, to: TODAY }, locale)).toBe('Tue, Nov 24, 2026');
  });
});

describe('bars', () => {
  const rest = { group: { day: TODAY, user: '' }, isRest: true, cost: '1', requests: 1 };
  const nobody = { group: { day: TODAY, user: '' }, cost: '0.1', requests: 1 };
  const frida = { group: { day: TODAY, user: 'u1' }, userName: 'Frida', cost: '0.2', requests: 2 };
  const byUser = report({
    series: [line({ ...frida, group: { user: 'u1' } }), line(nobody), line(rest)],
    lines: [line(frida), line(nobody), line(rest)],
  });

  it('tell the rest from calls of nobody', () => {
    const series = seriesOf(byUser, locale);
    expect(stackOf(byUser)).toBe('user');
    expect(series.map(({ label }) => label)).toEqual(['Frida', 'Nobody known', 'Others']);
    expect(new Set(series.map(({ key }) => key)).size).toBe(3);
    expect(series.map(({ key }) => valueOf(key))).toEqual(['u1', '', null]);
    expect(valueOf(null)).toBeNull();
  });

  it('have every day, and sums that floats would miss', () => {
    const series = seriesOf(byUser, locale);
    const [before, today] = pointsOf(
      { report: byUser, measure: 'cost', series, today: TODAY },
      locale,
    );
    expect(before).toMatchObject({ key: '2026-11-23', label: 'Nov 23', total: '$0.00' });
    expect(today).toMatchObject({ label: 'Today', note: 'so far', total: '$1.30' });
    expect(Object.values(today?.values ?? {})).toEqual([0.2, 0.1, 1]);
    expect(tableOf(byUser, locale).rows).toEqual([
      ['Nov 24', '4', '0', '$1.30'],
      ['Nov 23', '0', '0', '$0.00'],
    ]);
  });

  it('stand beside those of the period before, as far as it goes', () => {
    const lines = [line({ group: { day: '2026-11-21' }, requests: 7 })];
    const before = report({ period: { from: '2026-11-21', to: '2026-11-22', days: 2 }, lines });
    expect(comparedOf(before, 'day', 'requests', 3)).toEqual([7, 0, null]);
  });

  it('agree with the report they are made of', () => {
    const query = { ...MONTH, groupBy: ['day', 'model'] as const, top: 2 };
    const stacked = reportOf(query);
    const series = seriesOf(stacked, locale);
    expect(series.at(-1)?.label).toBe('Others');
    const points = pointsOf({ report: stacked, measure: 'requests', series, today: TODAY }, locale);
    const drawn = points.flatMap(({ values }) => Object.values(values));
    expect(drawn.reduce<number>((sum, each) => sum + (each ?? 0), 0)).toBe(stacked.total.requests);
  });
});

it('adds up money to the picodollar, and knows nothing where a part is not known', () => {
  const one = { ...NOTHING, cost: '0.1', taskRequests: 2 };
  const other = { ...NOTHING, cost: '0.200000000001', taskRequests: null };
  expect(totalOf([one, other])).toMatchObject({ cost: '0.300000000001', taskRequests: null });
  expect(totalOf([one, one])).toMatchObject({ taskRequests: 4, firstByteMs: null });
});

describe('models', () => {
  it('are one row each, whoever served them', () => {
    const served = (provider: string, cost: string) =>
      line({ group: { model: 'a/b', provider }, cost, tokens: 500_000, requests: 1 });
    const lines = [served('One', '1.5'), served('Two', '0.000000000001')];
    const [row, ...others] = modelRows(lines, { ...NOTHING, cost: '6' });
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      model: 'a/b',
      providers: ['One', 'Two'],
      share: '25',
      pricePerMillion: '1.5',
    });
  });

  it('have a course of the right length, without the others', () => {
    const trends = trendsOf(reportOf({ ...MONTH, groupBy: ['day', 'model'], top: 15 }), 'day');
    expect(trends.size).toBe(4);
    for (const trend of trends.values()) expect(trend).toHaveLength(30);
  });
});

describe('stats', () => {
  it('say averages, parts and changes', () => {
    const stats = statsOf(reportOf({ ...MONTH, groupBy: ['day'], isCompared: true }), locale);
    const of = (name: string) => stats.find((stat) => stat.name === name);
    expect(stats).toHaveLength(12);
    expect(of('usage.measureRequests')).toMatchObject({ value: '2,298', hint: '77 a day' });
    expect(of('usage.statInput')?.hint).toMatch(/from cache \(25%\)/);
    expect(of('usage.statFailures')).toMatchObject({ goodWhen: 'down' });
    expect(of('usage.activeDays')).toMatchObject({ value: '22', hint: 'of 30 days' });
  });

  it('say nothing of what is not known', () => {
    const total = { ...NOTHING, requests: 1, taskRequests: null };
    const stats = statsOf(report({ total }), locale);
    const tasks = stats.find(({ name }) => name === 'usage.statTasks');
    expect(tasks).toMatchObject({ value: '–', change: null });
    expect(stats.find(({ name }) => name === 'usage.statSpeed')?.value).toBe('–');
  });

  it('find the days that stand out, and none where nothing was used', () => {
    const lines = [
      line({ group: { day: '1' }, cost: '0.09', requests: 9 }),
      line({ group: { day: '2' }, cost: '0.10', requests: 1 }),
    ];
    expect(peaksOf(lines)).toMatchObject({
      dearest: { group: { day: '2' } },
      busiest: { group: { day: '1' } },
    });
    expect(peaksOf([line({})])).toBeNull();
  });
});
