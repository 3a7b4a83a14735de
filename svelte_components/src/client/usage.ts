/**
 * The one place that talks to the server. Components are given what it returns and draw it.
 *
 * Money stays a decimal string of US dollars from the wire to the formatter: a float would already
 * have lost digits. Tokens and requests are integers.
 */

export const MY_ORGANIZATION_URL = '/api/v1/client_organizations/usage/my-organization';

/** How long an answer may take before it counts as unreachable, in milliseconds. */
export const ANSWER_TIMEOUT_MS = 20_000;

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
  /** UTC instant in ISO 8601, null before the first call. */
  lastUpdated: string | null;
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
}

export interface OrganizationUsage {
  organizationId: string;
  organization: string;
  /** IANA name of the zone whose midnights part the days. */
  timeZone: string;
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

export type FailureKind =
  | 'no-organization'
  | 'signed-out'
  | 'unavailable'
  | 'busy'
  | 'server'
  | 'unreadable'
  | 'unreachable';

export interface Failure {
  kind: FailureKind;
  /** The server's own words, where it had any. */
  detail: string;
  /** HTTP status, 0 when there was no answer. */
  status: number;
}

export type Answer = { ok: true; usage: OrganizationUsage } | { ok: false; failure: Failure };

export interface FetchOptions {
  /** The host's session token, null when nobody is signed in. */
  token: string | null;
  /** Aborted when the page no longer wants the answer. */
  signal: AbortSignal;
}

/** Asks for the usage of the caller's organization. Every trouble is an answer, none is thrown. */
export async function fetchMyOrganization(options: FetchOptions): Promise<Answer> {
  const { token, signal } = options;
  if (!token) return failed('signed-out', 401);
  const limited = withTimeout(signal, ANSWER_TIMEOUT_MS);
  try {
    const response = await fetch(MY_ORGANIZATION_URL, {
      headers: { Accept: 'application/json', Authorization: `Bearer ${token}` },
      signal: limited.signal,
      cache: 'no-store',
    });
    return response.ok ? await readUsage(response) : await readFailure(response);
  } catch {
    return failed('unreachable', 0);
  } finally {
    limited.release();
  }
}

async function readUsage(response: Response): Promise<Answer> {
  const body = await response.text();
  try {
    return { ok: true, usage: parseUsage(JSON.parse(body)) };
  } catch {
    return failed('unreadable', response.status);
  }
}

async function readFailure(response: Response): Promise<Answer> {
  const body = await response.json().catch(() => null);
  const detail = isRecord(body) && typeof body.detail === 'string' ? body.detail : '';
  return failed(kindOf(response.status), response.status, detail);
}

function kindOf(status: number): FailureKind {
  if (status === 404) return 'no-organization';
  if (status === 401 || status === 403) return 'signed-out';
  if (status === 503) return 'unavailable';
  if (status === 429) return 'busy';
  return 'server';
}

function failed(kind: FailureKind, status: number, detail = ''): Answer {
  return { ok: false, failure: { kind, status, detail } };
}

/** `AbortSignal.any` and `AbortSignal.timeout` in one, for browsers that have neither. */
function withTimeout(signal: AbortSignal, milliseconds: number) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, milliseconds);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  const release = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, release };
}

/** Turns the answer's body into our shape. Throws a `TypeError` that names the first bad field. */
export function parseUsage(body: unknown): OrganizationUsage {
  const answer = record(body, 'body');
  const stats = record(answer.stats, 'stats');
  const month = record(stats.this_month, 'this_month');
  if (!Array.isArray(stats.daily_history)) throw new TypeError('daily_history is not a list');
  return {
    organizationId: text(answer.client_id, 'client_id'),
    organization: text(stats.client_org_name, 'client_org_name'),
    timeZone: typeof stats.time_zone === 'string' ? stats.time_zone : 'UTC',
    today: parseToday(stats.today),
    month: {
      month: text(month.month, 'month'),
      tokens: count(month.tokens, 'tokens'),
      cost: amount(month.cost, 'cost'),
      requests: count(month.requests, 'requests'),
      daysActive: count(month.days_active, 'days_active'),
      averageDailyCost: amount(month.average_daily_cost, 'average_daily_cost'),
      averageDailyTokens: count(month.average_daily_tokens, 'average_daily_tokens'),
    },
    history: stats.daily_history.map((day) => parseDay(record(day, 'daily_history'))),
  };
}

/** Reads one event of the stream; null where it makes no sense, and the next load tells. */
export function readToday(data: string): ToldToday | null {
  try {
    const body = record(JSON.parse(data), 'body');
    return { organizationId: text(body.client_id, 'client_id'), today: parseToday(body.today) };
  } catch {
    return null;
  }
}

/**
 * The usage with today as told: the same object where nothing differs, null where the told day is
 * of another organization or another date. The month is left as it was.
 */
export function withToday(usage: OrganizationUsage, told: ToldToday): OrganizationUsage | null {
  const { today } = told;
  if (told.organizationId !== usage.organizationId || today.date !== usage.today.date) return null;
  if (FIGURES.every((name) => today[name] === usage.today[name])) return usage;
  const { date, tokens, cost, requests, isImported } = today;
  const history = usage.history.map((day) =>
    day.date === date ? { date, tokens, cost, requests, isImported } : day,
  );
  return { ...usage, today, history };
}

const FIGURES = [
  'tokens',
  'cost',
  'requests',
  'promptTokens',
  'completionTokens',
  'pendingRequests',
] as const;

function parseToday(value: unknown): TodayUsage {
  const today = record(value, 'today');
  return {
    ...parseDay(today),
    promptTokens: count(today.prompt_tokens, 'prompt_tokens'),
    completionTokens: count(today.completion_tokens, 'completion_tokens'),
    pendingRequests: count(today.pending_requests, 'pending_requests'),
    lastUpdated: typeof today.last_updated === 'string' ? today.last_updated : null,
  };
}

function parseDay(day: Record<string, unknown>): DayUsage {
  return {
    date: text(day.date, 'date'),
    tokens: count(day.tokens, 'tokens'),
    cost: amount(day.cost, 'cost'),
    requests: count(day.requests, 'requests'),
    isImported: day.is_imported === true,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (!isRecord(value)) throw new TypeError(`${name} is not an object`);
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new TypeError(`${name} is not a text`);
  return value;
}

function count(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new TypeError(`${name} is not a number`);
  return value;
}

/** A decimal string; a bare JSON number is taken too, its digits are what the parser kept. */
function amount(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  return String(count(value, name));
}
