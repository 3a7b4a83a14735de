/** What the reseller sees first: money by day, the month, who grew, and what needs attention. */
import { compareDecimals } from '../format/decimal';
import { fetchHealth, type Health } from './health';
import { ask, type Answer } from './http';
import {
  amount,
  count,
  list,
  optionalAmount,
  optionalText,
  record,
  text,
  type Fields,
} from './read';

/** Both days are included. */
export interface Period {
  from: string;
  to: string;
  days: number;
}

/** Decimal strings of USD: what clients pay, what OpenRouter charges, and what is left. */
export interface RevenueLine {
  /** A day, a week such as `2026-W48`, or a month. */
  period: string;
  revenue: string;
  rawCost: string;
  profit: string;
  margin: string | null;
  requests: number;
}

export interface Revenue {
  period: Period;
  lines: RevenueLine[];
  totals: RevenueLine;
  before: { period: Period; revenue: string; profit: string; change: string | null } | null;
}

export type Grouping = 'day' | 'week' | 'month';

export interface Forecast {
  month: string;
  /** Today. */
  asOf: string;
  soFar: string;
  low: string;
  expected: string;
  high: string;
}

export interface ClientSum {
  id: string;
  name: string;
  revenue: string;
  profit: string;
  margin: string | null;
  requests: number;
}

export interface MonthSummary {
  period: Period;
  revenue: string;
  rawCost: string;
  profit: string;
  margin: string | null;
  requests: number;
  tokens: number;
  activeClients: number;
  /** How the revenue changed, in percent of the days before. */
  change: string | null;
  /** Dearest first. */
  clients: ClientSum[];
  totalClients: number;
}

export type Trend = 'new' | 'grew' | 'fell' | 'quiet';

export interface ActivityLine {
  id: string;
  name: string;
  change: string | null;
  recentRequests: number;
  recentCost: string;
  beforeCost: string;
}

export interface Activity {
  until: string;
  lines: ActivityLine[];
  total: number;
}

/** What somebody should look at; each with how many there are, and the first of them. */
export interface Attention {
  health: Health;
  alerts: { total: number; newest: string | null };
  /** The nearest to their limit first. */
  limits: { id: string; name: string; usedPercent: string }[];
  keys: { id: string; name: string; problem: string }[];
  /** Days of keys that differ from OpenRouter's figures, and nobody knows why. */
  gaps: number;
}

export function fetchRevenue(
  range: { from: string; to: string },
  grouping: Grouping,
  signal?: AbortSignal,
): Promise<Answer<Revenue>> {
  const query = { from: range.from, to: range.to, group_by: grouping, compare: 'previous' };
  return ask('/usage/revenue', readRevenue, { query, signal });
}

/** Of all clients together. */
export function fetchForecast(signal?: AbortSignal): Promise<Answer<Forecast>> {
  return ask('/usage/forecast', readForecast, { signal });
}

/** This month so far, beside as many days before, and the clients that bring in most of it. */
export function fetchMonth(limit: number, signal?: AbortSignal): Promise<Answer<MonthSummary>> {
  return ask('/usage/summary', readMonth, { query: { limit }, signal });
}

function fetchActivity(
  trend: Trend,
  limit: number,
  signal?: AbortSignal,
): Promise<Answer<Activity>> {
  return ask('/usage/activity', readActivity, { query: { trend, limit }, signal });
}

export const TRENDS: readonly Trend[] = ['new', 'grew', 'fell', 'quiet'];

export type Movers = Record<Trend, Activity>;

/** The clients of each trend, a few of each. */
export async function fetchMovers(limit: number, signal?: AbortSignal): Promise<Answer<Movers>> {
  const answers = await Promise.all(TRENDS.map((trend) => fetchActivity(trend, limit, signal)));
  const failure = answers.find((answer) => !answer.ok);
  if (failure) return failure;
  const entries = answers.flatMap((answer, index) =>
    answer.ok ? [[TRENDS[index], answer.value]] : [],
  );
  return { ok: true, value: Object.fromEntries(entries) as Movers };
}

/** From so many percent of its limit on an organization is near it. */
const NEAR_PERCENT = '80';
const MOST_NEAR = 50;
const MOST_KEYS = 200;

/** The first failure is the answer's: half of the truth would look like all being well. */
export async function fetchAttention(signal?: AbortSignal): Promise<Answer<Attention>> {
  const [health, alerts, limits, keys, gaps] = await Promise.all([
    fetchHealth(signal),
    ask('/alerts', readAlerts, { query: { state: 'open', limit: 1 }, signal }),
    ask('/usage/by-client', readLimits, {
      query: { status: 'active', sort: '-limit_used', limit: MOST_NEAR },
      signal,
    }),
    ask('/keys', readKeys, { query: { limit: MOST_KEYS }, signal }),
    ask('/reconciliations', totalOf, { query: { status: 'unexplained', limit: 1 }, signal }),
  ]);
  if (!health.ok) return health;
  if (!alerts.ok) return alerts;
  if (!limits.ok) return limits;
  if (!keys.ok) return keys;
  if (!gaps.ok) return gaps;
  const value = {
    health: health.value,
    alerts: alerts.value,
    limits: limits.value,
    keys: keys.value,
    gaps: gaps.value,
  };
  return { ok: true, value };
}

export function readRevenue(body: unknown): Revenue {
  const answer = record(body, 'body');
  const before = answer.comparison == null ? null : record(answer.comparison, 'comparison');
  return {
    period: readPeriod(answer.period),
    lines: list(answer.lines, 'lines', readLine),
    totals: readLine(record(answer.totals, 'totals')),
    before: before && readComparison(before),
  };
}

function readComparison(before: Fields): Revenue['before'] {
  const total = record(before.total, 'comparison.total');
  return {
    period: readPeriod(before.period),
    revenue: amount(total.markup_cost, 'markup_cost'),
    profit: amount(total.profit, 'profit'),
    change: optionalAmount(before.markup_cost_change_percent, 'markup_cost_change_percent'),
  };
}

function readPeriod(value: unknown): Period {
  const period = record(value, 'period');
  return {
    from: text(period.from, 'period.from'),
    to: text(period.to, 'period.to'),
    days: count(period.days, 'period.days'),
  };
}

function readLine(line: Fields): RevenueLine {
  return {
    period: text(line.period, 'line.period'),
    revenue: amount(line.revenue, 'revenue'),
    rawCost: amount(line.raw_cost, 'raw_cost'),
    profit: amount(line.profit, 'profit'),
    margin: optionalAmount(line.profit_margin_percent, 'profit_margin_percent'),
    requests: count(line.requests, 'requests'),
  };
}

export function readForecast(body: unknown): Forecast {
  const answer = record(body, 'body');
  return {
    month: text(answer.month, 'month'),
    asOf: text(answer.as_of, 'as_of'),
    soFar: amount(answer.so_far, 'so_far'),
    low: amount(answer.low, 'low'),
    expected: amount(answer.expected, 'expected'),
    high: amount(answer.high, 'high'),
  };
}

export function readMonth(body: unknown): MonthSummary {
  const answer = record(body, 'body');
  const summary = record(answer.summary, 'summary');
  const before = answer.comparison == null ? {} : record(answer.comparison, 'comparison');
  return {
    period: readPeriod(answer.period),
    revenue: amount(summary.total_markup_cost, 'total_markup_cost'),
    rawCost: amount(summary.total_raw_cost, 'total_raw_cost'),
    profit: amount(summary.total_profit, 'total_profit'),
    margin: optionalAmount(summary.profit_margin_percent, 'profit_margin_percent'),
    requests: count(summary.total_requests, 'total_requests'),
    tokens: count(summary.total_tokens, 'total_tokens'),
    activeClients: count(summary.active_clients, 'active_clients'),
    change: optionalAmount(before.markup_cost_change_percent, 'markup_cost_change_percent'),
    clients: list(answer.clients, 'clients', readClient),
    totalClients: count(answer.total, 'total'),
  };
}

function readClient(client: Fields): ClientSum {
  return {
    id: text(client.client_id, 'client_id'),
    name: text(client.client_name, 'client_name'),
    revenue: amount(client.markup_cost, 'markup_cost'),
    profit: amount(client.profit, 'profit'),
    margin: optionalAmount(client.profit_margin_percent, 'profit_margin_percent'),
    requests: count(client.total_requests, 'total_requests'),
  };
}

export function readActivity(body: unknown): Activity {
  const answer = record(body, 'body');
  return {
    until: text(answer.until, 'until'),
    lines: list(answer.clients, 'clients', (line) => ({
      id: text(line.client_id, 'client_id'),
      name: text(line.client_name, 'client_name'),
      change: optionalAmount(line.change_percent, 'change_percent'),
      recentRequests: count(line.recent_requests, 'recent_requests'),
      recentCost: amount(line.recent_cost, 'recent_cost'),
      beforeCost: amount(line.before_cost, 'before_cost'),
    })),
    total: totalOf(body),
  };
}

function totalOf(body: unknown): number {
  return count(record(body, 'body').total, 'total');
}

function readAlerts(body: unknown): Attention['alerts'] {
  const kinds = list(record(body, 'body').alerts, 'alerts', (alert) => text(alert.kind, 'kind'));
  return { total: totalOf(body), newest: kinds[0] ?? null };
}

function readLimits(body: unknown): Attention['limits'] {
  const clients = list(record(body, 'body').clients, 'clients', (client) => ({
    id: text(client.client_id, 'client_id'),
    name: text(client.client_name, 'client_name'),
    usedPercent: optionalAmount(client.used_percent, 'used_percent') ?? '0',
  }));
  return clients.filter(({ usedPercent }) => compareDecimals(usedPercent, NEAR_PERCENT) >= 0);
}

/** Those whose key cannot do its work. */
function readKeys(body: unknown): Attention['keys'] {
  const keys = list(record(body, 'body').keys, 'keys', (item) => {
    const key = record(item.key, 'key');
    const state = text(key.state, 'key.state');
    const said = optionalText(key.problem, 'key.problem');
    const isTrouble = state === 'lost' || state === 'needs_reentry' || said !== null;
    return {
      id: text(item.client_id, 'client_id'),
      name: text(item.client_name, 'client_name'),
      problem: isTrouble ? (said ?? state) : '',
    };
  });
  return keys.filter(({ problem }) => problem !== '');
}
