import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { jsonResponse } from '../testing/page';
import { saveExport } from './my-export';
import { fetchReport, readReport, type ReportQuery } from './my-report';
import { fetchMyStatements, readMyStatements, saveMyStatement } from './my-statements';

const MEASURES = {
  tokens: 72,
  cost: '0.1',
  requests: 3,
  prompt_tokens: 50,
  completion_tokens: 22,
  cached_tokens: 10,
  reasoning_tokens: 0,
  failures: 1,
  cancelled: 0,
  task_requests: null,
  first_byte_ms: 412,
  tokens_per_second: '51.3',
};
const PERIOD = { from: '2026-11-18', to: '2026-11-24', days: 7 };
const LINE = {
  ...MEASURES,
  group: { day: '2026-11-24', model: 'a/b' },
  is_rest: false,
  user_name: null,
  user_email: null,
  days: 1,
  previous: null,
};
const body = () => ({
  success: true,
  is_complete: false,
  period: PERIOD,
  group_by: ['day', 'model'],
  totals: MEASURES,
  comparison: {
    period: PERIOD,
    total: MEASURES,
    requests_change_percent: null,
    tokens_change_percent: '1',
    cost_change_percent: '12.5',
  },
  series: [{ ...LINE, group: { model: '' }, is_rest: true, days: null }],
  lines: [LINE],
  total: 1,
});
const statement = {
  id: 'a/b',
  number: 'S-1',
  month: '2026-10',
  issued_on: '2026-11-01',
  currency: 'PLN',
  net: '1.000000000001',
  total: null,
};

const fetchMock = vi.fn<typeof fetch>();
const signal = new AbortController().signal;
const asked = () => new URL(String(fetchMock.mock.lastCall?.[0]), 'https://host');

beforeEach(() => {
  localStorage.token = 'secret';
  fetchMock.mockReset();
  vi.stubGlobal('fetch', fetchMock);
});

afterEach(() => localStorage.clear());

it('asks for just what is given', async () => {
  fetchMock.mockImplementation(async () => jsonResponse(body()));
  const query: ReportQuery = { from: '2026-11-18', to: '2026-11-24', groupBy: ['day', 'model'] };
  await fetchReport(query, signal);
  expect(asked().search).toBe('?from=2026-11-18&to=2026-11-24&group_by=day%2Cmodel&limit=2000');
  await fetchReport({ ...query, userId: 'u&1', model: 'a/b', isCompared: true, top: 7 }, signal);
  expect(Object.fromEntries(asked().searchParams)).toMatchObject({
    user_id: 'u&1',
    model: 'a/b',
    compare: 'previous',
    top: '7',
  });
});

it('reads lines, series and what they are compared with', () => {
  const report = readReport(body());
  expect(report.lines[0]).toMatchObject({ cost: '0.1', taskRequests: null, days: 1 });
  expect(report.lines[0]?.group).toEqual({ day: '2026-11-24', model: 'a/b' });
  expect(report.series[0]).toMatchObject({ isRest: true, days: null });
  expect(report.comparison).toMatchObject({ costPercent: '12.5', requestsPercent: null });
  expect(report.isComplete).toBe(false);
  expect(readReport({ ...body(), series: null, comparison: null })).toMatchObject({
    series: [],
    comparison: null,
  });
});

it('hands on why there are no lines', async () => {
  const detail = 'from: single calls are kept since 2026-10-20';
  const problem = { detail, errors: [{ field: 'from', message: detail }] };
  fetchMock.mockResolvedValue(jsonResponse(problem, 422));
  const answer = await fetchReport({ from: 'x', to: 'y', groupBy: [] }, signal);
  expect(answer).toMatchObject({ failure: { kind: 'invalid', detail, fields: problem.errors } });
});

it('reads statements, also those without a total', async () => {
  fetchMock.mockResolvedValue(jsonResponse({ statements: [statement], total: 1 }));
  expect(await fetchMyStatements(signal)).toMatchObject({
    value: { statements: [{ number: 'S-1', net: '1.000000000001', total: null }], total: 1 },
  });
  expect(() => readMyStatements({ statements: [{}], total: 1 })).toThrow(TypeError);
});

it('saves files under the names that the server gives them', async () => {
  const names: string[] = [];
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    names.push(this.download);
  });
  Object.assign(URL, { createObjectURL: () => 'blob:x', revokeObjectURL: () => undefined });
  const headers = { 'Content-Disposition': 'attachment; filename="acme-daily.csv"' };
  fetchMock.mockImplementation(async () => new Response('x', { headers }));
  await saveExport({ report: 'daily', format: 'csv', from: '2026-11-01', to: '2026-11-24' });
  expect(asked().search).toBe('?report=daily&format=csv&from=2026-11-01&to=2026-11-24');
  fetchMock.mockImplementation(async () => new Response('x'));
  await saveMyStatement(readMyStatements({ statements: [statement], total: 1 }).statements[0]!);
  expect(asked().pathname).toContain('/statements/a%2Fb/pdf');
  expect(names).toEqual(['acme-daily.csv', 'S-1.pdf']);
});
