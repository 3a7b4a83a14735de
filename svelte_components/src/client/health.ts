/** The meter's own state, and what an operator asks when something looks wrong. */
import { readAuditRecord, type AuditRecord } from './audit';
import { ask, type Answer } from './http';
import {
  count,
  flag,
  instant,
  list,
  oneOf,
  optionalInstant,
  optionalText,
  record,
  text,
  texts,
  type Fields,
} from './read';

const STATUSES = ['ok', 'degraded', 'down'] as const;
export type HealthStatus = (typeof STATUSES)[number];

/** `seen` is what was there; `advice` is empty where all is well. Both are the server's English. */
export interface HealthCheck {
  name: string;
  status: HealthStatus;
  seen: string;
  advice: string;
}

export interface Job {
  name: string;
  everySeconds: number;
  /** One process runs it for all. */
  isShared: boolean;
  process: string | null;
  lastRun: number | null;
  lastSuccess: number | null;
  lastError: string | null;
  isOverdue: boolean;
}

export interface Health {
  status: HealthStatus;
  version: string;
  checks: HealthCheck[];
  queueDepth: number;
  unsettled: Record<string, number>;
  counts: Record<string, number>;
  jobs: Job[];
  redis: string;
}

export interface TestStep {
  name: string;
  isOk: boolean;
  ms: number;
  seen: string;
  advice: string;
}

export interface SelfTest {
  /** `unconfirmed`: nothing was done, and `most` says what it would cost. */
  status: 'ok' | 'failed' | 'unconfirmed';
  message: string;
  model: string | null;
  /** Decimal strings of USD. */
  most: string | null;
  cost: string | null;
  steps: TestStep[];
}

export interface SlowQuery {
  statement: string;
  count: number;
  maxMs: number;
  meanMs: number;
  lastAt: number;
}

export interface SlowQueries {
  thresholdMs: number;
  items: SlowQuery[];
}

/** Figures of a day that are not what the ledger adds up to. */
export interface DayDifference {
  clientId: string;
  date: string;
  where: string;
  place: string[];
  stored: Record<string, number>;
  recomputed: Record<string, number>;
}

/** `spent` ought to be `used`, `held` ought to be `open`. */
export interface MonthDifference {
  clientId: string;
  month: string;
  userId: string | null;
  spent: string;
  used: string;
  held: string;
  open: string;
}

export interface Validation {
  isOk: boolean;
  organizations: number;
  days: number;
  dayDifferences: DayDifference[];
  monthDifferences: MonthDifference[];
  /** There are more differences than are named. */
  isCut: boolean;
}

/** One call, followed from its hold to the month it counts in. */
export interface Explanation {
  id: string;
  clientId: string;
  clientName: string;
  date: string;
  sentences: string[];
  hold: Fields | null;
  entries: Fields[];
  priceRule: Fields | null;
  liveCounter: Fields | null;
  sealedDay: Fields | null;
  month: Fields | null;
  reconciliation: Fields | null;
  broadcast: Fields | null;
  audit: AuditRecord[];
}

/** A meter that is down says so with 503, and says what is the matter all the same. */
export function fetchHealth(signal?: AbortSignal): Promise<Answer<Health>> {
  return ask('/health', readHealth, { signal, alsoReads: 503 });
}

export function testConnection(): Promise<Answer<{ isOk: boolean; steps: TestStep[] }>> {
  return ask('/debug/openrouter', readConnection, { method: 'POST' });
}

export type TestTarget = 'openrouter' | 'simulator';

/** Against OpenRouter it costs money, and only does something with `confirm`. */
export function runSelfTest(
  target: TestTarget,
  confirm: boolean,
  model?: string,
): Promise<Answer<SelfTest>> {
  const body = { target, confirm, ...(model && { model }) };
  return ask('/debug/self-test', readSelfTest, { method: 'POST', body });
}

export function fetchSlowQueries(signal?: AbortSignal): Promise<Answer<SlowQueries>> {
  return ask('/debug/slow-queries', readSlowQueries, { signal });
}

export function validateFigures(): Promise<Answer<Validation>> {
  return ask('/debug/validate', readValidation, { method: 'POST' });
}

/** Of a generation's id, or of a hold's. */
export function explainGeneration(id: string, signal?: AbortSignal): Promise<Answer<Explanation>> {
  const path = `/debug/generations/${encodeURIComponent(id)}`;
  return ask(path, readExplanation, { signal });
}

export function readHealth(body: unknown): Health {
  const health = record(body, 'body');
  return {
    status: oneOf(health.status, 'status', STATUSES),
    version: text(health.version, 'version'),
    checks: list(health.checks, 'checks', readCheck),
    queueDepth: count(health.queue_depth, 'queue_depth'),
    unsettled: counts(health.unsettled, 'unsettled'),
    counts: counts(health.counts, 'counts'),
    jobs: list(health.jobs, 'jobs', readJob),
    redis: text(health.redis, 'redis'),
  };
}

function readCheck(check: Fields): HealthCheck {
  return {
    name: text(check.name, 'name'),
    status: oneOf(check.status, 'status', STATUSES),
    seen: text(check.seen, 'seen'),
    advice: text(check.advice, 'advice'),
  };
}

function readJob(job: Fields): Job {
  return {
    name: text(job.name, 'name'),
    everySeconds: count(job.every_seconds, 'every_seconds'),
    isShared: flag(job.shared, 'shared'),
    process: optionalText(job.process, 'process'),
    lastRun: optionalInstant(job.last_run, 'last_run'),
    lastSuccess: optionalInstant(job.last_success, 'last_success'),
    lastError: optionalText(job.last_error, 'last_error'),
    isOverdue: flag(job.is_overdue, 'is_overdue'),
  };
}

function readConnection(body: unknown) {
  const tested = record(body, 'body');
  const isOk = oneOf(tested.status, 'status', ['ok', 'failed']) === 'ok';
  return { isOk, steps: list(tested.steps, 'steps', readStep) };
}

export function readStep(step: Fields): TestStep {
  return {
    name: text(step.name, 'name'),
    isOk: oneOf(step.status, 'status', ['ok', 'failed']) === 'ok',
    ms: count(step.ms, 'ms'),
    seen: text(step.seen, 'seen'),
    advice: text(step.advice, 'advice'),
  };
}

function readSelfTest(body: unknown): SelfTest {
  const test = record(body, 'body');
  return {
    status: oneOf(test.status, 'status', ['ok', 'failed', 'unconfirmed']),
    message: text(test.message, 'message'),
    model: optionalText(test.model, 'model'),
    most: optionalText(test.most, 'most'),
    cost: optionalText(test.cost, 'cost'),
    steps: list(test.steps, 'steps', readStep),
  };
}

function readSlowQueries(body: unknown): SlowQueries {
  const found = record(body, 'body');
  return {
    thresholdMs: count(found.threshold_ms, 'threshold_ms'),
    items: list(found.items, 'items', (item) => ({
      statement: text(item.statement, 'statement'),
      count: count(item.count, 'count'),
      maxMs: count(item.max_ms, 'max_ms'),
      meanMs: count(item.mean_ms, 'mean_ms'),
      lastAt: instant(item.last_at, 'last_at'),
    })),
  };
}

export function readValidation(body: unknown): Validation {
  const found = record(body, 'body');
  return {
    isOk: oneOf(found.status, 'status', ['ok', 'failed']) === 'ok',
    organizations: count(found.organizations, 'organizations'),
    days: count(found.days, 'days'),
    dayDifferences: list(found.day_differences, 'day_differences', (one) => ({
      clientId: text(one.client_id, 'client_id'),
      date: text(one.date, 'date'),
      where: text(one.where, 'where'),
      place: texts(one.place, 'place'),
      stored: counts(one.stored, 'stored'),
      recomputed: counts(one.recomputed, 'recomputed'),
    })),
    monthDifferences: list(found.month_differences, 'month_differences', (one) => ({
      clientId: text(one.client_id, 'client_id'),
      month: text(one.month, 'month'),
      userId: optionalText(one.user_id, 'user_id'),
      spent: text(one.spent, 'spent'),
      used: text(one.used, 'used'),
      held: text(one.held, 'held'),
      open: text(one.open, 'open'),
    })),
    isCut: flag(found.is_cut, 'is_cut'),
  };
}

export function readExplanation(body: unknown): Explanation {
  const found = record(body, 'body');
  const facts = (name: string) => (found[name] == null ? null : record(found[name], name));
  return {
    id: text(found.id, 'id'),
    clientId: text(found.client_id, 'client_id'),
    clientName: text(found.client_name, 'client_name'),
    date: text(found.date, 'date'),
    sentences: texts(found.sentences, 'sentences'),
    hold: facts('hold'),
    entries: list(found.entries, 'entries', (entry) => entry),
    priceRule: facts('price_rule'),
    liveCounter: facts('live_counter'),
    sealedDay: facts('sealed_day'),
    month: facts('month'),
    reconciliation: facts('reconciliation'),
    broadcast: facts('broadcast'),
    audit: list(found.audit, 'audit', readAuditRecord),
  };
}

function counts(value: unknown, name: string): Record<string, number> {
  const entries = Object.entries(record(value, name));
  return Object.fromEntries(entries.map(([key, one]) => [key, count(one, `${name}.${key}`)]));
}
