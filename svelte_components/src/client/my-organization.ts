/** What the reader's organization uses: today, this month, and how far it may go. */
import { ask, type Answer } from './http';
import {
  amount,
  count,
  flag,
  list,
  oneOf,
  optionalAmount,
  optionalInstant,
  optionalText,
  record,
  instant,
  text,
  type Fields,
} from './read';

export const MY_ORGANIZATION = '/usage/my-organization';

export interface DayUsage {
  /** Calendar day of the organization, `YYYY-MM-DD`. */
  date: string;
  tokens: number;
  /** Decimal string, USD. */
  cost: string;
  requests: number;
  /** Counted by what was here before us. */
  isImported: boolean;
}

export interface TodayUsage extends DayUsage {
  promptTokens: number;
  completionTokens: number;
  /** Calls whose final cost the provider has not told yet. */
  pendingRequests: number;
  /** UTC milliseconds, null before the first call. */
  lastUpdated: number | null;
}

export interface MonthUsage {
  /** `YYYY-MM`. */
  month: string;
  tokens: number;
  cost: string;
  requests: number;
  daysActive: number;
  averageDailyCost: string;
  averageDailyTokens: number;
  /** What the month will have cost: four of five should end between `low` and `high`. */
  forecast: { low: string; expected: string; high: string };
  /** The day on which the organization's limit is expected to be used up, if it will be. */
  limitReachedOn: string | null;
  /** What the month before had cost by the number of today. */
  lastMonthToDate: string;
}

/** How far a month's spending may go. */
export interface Limit {
  /** Null where there is no limit. */
  monthlyLimit: string | null;
  spent: string;
  /** Set aside for calls that are under way. */
  held: string;
  remaining: string | null;
  /** Of spent alone; may be above 100. */
  usedPercent: string | null;
  /** UTC milliseconds. */
  resetsAt: number;
  /** Whether calls are refused beyond it, or somebody is told. */
  onLimit: 'block' | 'alert';
}

export interface MyOrganization {
  organizationId: string;
  organization: string;
  userId: string;
  isManager: boolean;
  /** False where the organization was deactivated and its calls are refused. */
  isActive: boolean;
  /** IANA name of the zone whose midnights part the days. */
  timeZone: string;
  /** The server's clock when it answered, UTC milliseconds. */
  serverTime: number;
  /** Why there may be nothing where there should be something, in the server's words. */
  hint: string | null;
  limit: Limit;
  /** The reader's own one, where there is any. */
  ownLimit: Limit | null;
  today: TodayUsage;
  month: MonthUsage;
  /** Oldest day first, days without usage included; the last one is today. */
  history: DayUsage[];
}

/** Today's figures alone, and whose they are. */
export interface ToldToday {
  organizationId: string;
  today: TodayUsage;
}

export function fetchMyOrganization(signal: AbortSignal): Promise<Answer<MyOrganization>> {
  return ask(MY_ORGANIZATION, readMyOrganization, { signal });
}

export function readMyOrganization(body: unknown): MyOrganization {
  const answer = record(body, 'body');
  const stats = record(answer.stats, 'stats');
  return {
    organizationId: text(answer.client_id, 'client_id'),
    organization: text(stats.client_org_name, 'client_org_name'),
    userId: text(answer.user_id, 'user_id'),
    isManager: oneOf(answer.role, 'role', ['member', 'manager']) === 'manager',
    isActive: flag(answer.is_active, 'is_active'),
    timeZone: text(stats.time_zone, 'time_zone'),
    serverTime: instant(answer.server_time, 'server_time'),
    hint: optionalText(answer.hint, 'hint'),
    limit: readLimit(record(answer.limit, 'limit')),
    ownLimit: answer.own_limit == null ? null : readLimit(record(answer.own_limit, 'own_limit')),
    today: readToday(record(stats.today, 'today')),
    month: readMonth(record(stats.this_month, 'this_month')),
    history: list(stats.daily_history, 'daily_history', readDay),
  };
}

/** Reads one event of the stream; null where it makes no sense, and the next load tells. */
export function readTold(data: string): ToldToday | null {
  try {
    const body = record(JSON.parse(data), 'body');
    const today = readToday(record(body.today, 'today'));
    return { organizationId: text(body.client_id, 'client_id'), today };
  } catch {
    return null;
  }
}

function readMonth(month: Fields): MonthUsage {
  const forecast = record(month.forecast, 'forecast');
  const before = record(month.last_month, 'last_month');
  return {
    month: text(month.month, 'month'),
    tokens: count(month.tokens, 'tokens'),
    cost: amount(month.cost, 'cost'),
    requests: count(month.requests, 'requests'),
    daysActive: count(month.days_active, 'days_active'),
    averageDailyCost: amount(month.average_daily_cost, 'average_daily_cost'),
    averageDailyTokens: count(month.average_daily_tokens, 'average_daily_tokens'),
    forecast: {
      low: amount(forecast.low, 'low'),
      expected: amount(forecast.expected, 'expected'),
      high: amount(forecast.high, 'high'),
    },
    limitReachedOn: optionalText(month.limit_reached_on, 'limit_reached_on'),
    lastMonthToDate: amount(before.cost_to_date, 'cost_to_date'),
  };
}

function readLimit(limit: Fields): Limit {
  return {
    monthlyLimit: optionalAmount(limit.monthly_limit, 'monthly_limit'),
    spent: amount(limit.spent, 'spent'),
    held: amount(limit.held, 'held'),
    remaining: optionalAmount(limit.remaining, 'remaining'),
    usedPercent: optionalAmount(limit.used_percent, 'used_percent'),
    resetsAt: instant(limit.resets_at, 'resets_at'),
    onLimit: oneOf(limit.on_limit, 'on_limit', ['block', 'alert']),
  };
}

function readToday(today: Fields): TodayUsage {
  return {
    ...readDay(today),
    promptTokens: count(today.prompt_tokens, 'prompt_tokens'),
    completionTokens: count(today.completion_tokens, 'completion_tokens'),
    pendingRequests: count(today.pending_requests, 'pending_requests'),
    lastUpdated: optionalInstant(today.last_updated, 'last_updated'),
  };
}

function readDay(day: Fields): DayUsage {
  return {
    date: text(day.date, 'date'),
    tokens: count(day.tokens, 'tokens'),
    cost: amount(day.cost, 'cost'),
    requests: count(day.requests, 'requests'),
    isImported: day.is_imported === true,
  };
}
