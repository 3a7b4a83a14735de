/** What one organization used, with what it cost us and what is left: the admin's report. */
import { ask, type Answer } from './http';
import {
  amount,
  count,
  instant,
  list,
  optionalAmount,
  optionalText,
  record,
  text,
  type Fields,
} from './read';

/** Decimal strings of USD. */
export interface Sums {
  billed: string;
  rawCost: string;
  profit: string;
  margin: string | null;
  requests: number;
  tokens: number;
}

export interface ReportLine extends Sums {
  /** The day, the user's id or the model; empty where a call was nobody's that is known. */
  group: string;
  userName: string | null;
  userEmail: string | null;
}

export interface Report {
  /** Both days are included; `to` is the organization's today. */
  from: string;
  to: string;
  totals: Sums;
  /** By how much it was more than in as many days before, in per cent. */
  change: string | null;
  lines: ReportLine[];
  /** How many lines there are in all. */
  total: number;
}

export type Grouping = 'day' | 'user' | 'model';

export interface LimitEvent {
  id: number;
  /** Null: the organization's own limit. */
  userId: string | null;
  month: string;
  percent: number;
  limit: string;
  spent: string;
  at: number;
}

export interface LimitEvents {
  events: LimitEvent[];
  total: number;
}

/** The most lines that are asked for at once: a quarter of days, or the dearest users. */
const MOST_LINES = 200;

export function fetchReport(
  client: string,
  grouping: Grouping,
  days: number,
  signal?: AbortSignal,
): Promise<Answer<Report>> {
  const order = grouping === 'day' ? {} : { sort: 'markup_cost', order: 'desc' };
  const query = {
    client_id: client,
    group_by: grouping,
    days_back: days,
    compare: grouping === 'day' ? 'previous' : null,
    limit: MOST_LINES,
    ...order,
  };
  return ask('/usage/report', (body) => readReport(body, grouping), { query, signal });
}

export function fetchLimitEvents(
  client: string,
  page: { offset: number; limit: number },
  signal?: AbortSignal,
): Promise<Answer<LimitEvents>> {
  return ask('/limits/events', readEvents, { query: { client_id: client, ...page }, signal });
}

function readReport(body: unknown, grouping: Grouping): Report {
  const answer = record(body, 'body');
  const period = record(answer.period, 'period');
  const before = answer.comparison == null ? {} : record(answer.comparison, 'comparison');
  return {
    from: text(period.from, 'period.from'),
    to: text(period.to, 'period.to'),
    totals: readSums(record(answer.totals, 'totals')),
    change: optionalAmount(before.markup_cost_change_percent, 'markup_cost_change_percent'),
    lines: list(answer.lines, 'lines', (line) => readLine(line, grouping)),
    total: count(answer.total, 'total'),
  };
}

function readLine(line: Fields, grouping: Grouping): ReportLine {
  return {
    ...readSums(line),
    group: text(record(line.group, 'group')[grouping], `group.${grouping}`),
    userName: optionalText(line.user_name, 'user_name'),
    userEmail: optionalText(line.user_email, 'user_email'),
  };
}

function readSums(sums: Fields): Sums {
  return {
    billed: amount(sums.markup_cost, 'markup_cost'),
    rawCost: amount(sums.raw_cost, 'raw_cost'),
    profit: amount(sums.profit, 'profit'),
    margin: optionalAmount(sums.profit_margin_percent, 'profit_margin_percent'),
    requests: count(sums.total_requests, 'total_requests'),
    tokens: count(sums.total_tokens, 'total_tokens'),
  };
}

function readEvents(body: unknown): LimitEvents {
  const answer = record(body, 'body');
  return {
    events: list(answer.events, 'events', (event) => ({
      id: count(event.id, 'id'),
      userId: optionalText(event.user_id, 'user_id'),
      month: text(event.month, 'month'),
      percent: count(event.percent, 'percent'),
      limit: amount(event.monthly_limit, 'monthly_limit'),
      spent: amount(event.spent, 'spent'),
      at: instant(event.at, 'at'),
    })),
    total: count(answer.total, 'total'),
  };
}
