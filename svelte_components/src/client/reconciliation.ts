/** Our figures beside OpenRouter's own, by key and UTC day. */
import { ask, type Answer } from './http';
import { pageOf, type Page } from './page';
import {
  amount,
  count,
  flag,
  instant,
  list,
  oneOf,
  optionalAmount,
  optionalInstant,
  optionalText,
  record,
  text,
  type Fields,
} from './read';

export const FINDINGS = ['exact', 'adjusted', 'waiting', 'unexplained'] as const;
export const BROADCAST_FINDINGS = ['waiting', 'booked', 'differs', 'late'] as const;

export type Finding = (typeof FINDINGS)[number];
export type BroadcastFinding = (typeof BROADCAST_FINDINGS)[number];

/** Sums of calls; `raw` is a decimal string of USD, what OpenRouter charges. */
export interface Figures {
  requests: number;
  promptTokens: number;
  completionTokens: number;
  raw: string;
}

export interface ModelDifference {
  model: string;
  ours: Figures;
  theirs: Figures;
}

/** Decimal strings of raw USD: what the meter booked by itself, what comparing added, the rest. */
export interface Reconciliation {
  date: string;
  keyHash: string;
  /** Null for a key of nobody. */
  clientId: string | null;
  status: Finding;
  /** The server's words, in English. */
  reason: string;
  /** Less than 99.5 % was captured. */
  isBelow: boolean;
  captured: string;
  adjusted: string;
  provider: string;
  difference: string;
  capturedRequests: number;
  providerRequests: number;
  models: ModelDifference[];
  /** Calls without a price that were found by it, and that were closed by it. */
  identified: number;
  closedHolds: number;
  checkedAt: number;
}

/** A day that could not be compared to its end; it is tried again each hour. */
export interface ProblemDay {
  date: string;
  problem: string;
}

export interface Reconciliations extends Page<Reconciliation> {
  problems: ProblemDay[];
}

export interface ReconciliationFilter {
  from: string;
  to: string;
  clientId: string;
  status: Finding | '';
  isBelow: boolean;
}

/** What a key has used in all its life, and since the look before; decimal strings of raw USD. */
export interface KeyCounter {
  keyHash: string;
  clientId: string | null;
  label: string;
  usage: string;
  difference: string | null;
  at: number;
  previousAt: number | null;
}

export interface Run {
  date: string;
  /** The day is not looked at again. */
  isFinal: boolean;
  reconciliations: Reconciliation[];
}

export interface Broadcast {
  generationId: string;
  status: BroadcastFinding;
  reason: string;
  beganAt: number;
  receivedAt: number;
  model: string;
  provider: string;
  openrouterUserId: string | null;
  keyName: string | null;
  promptTokens: number;
  completionTokens: number;
  raw: string;
}

const PAGE = 200;

/** Newest day first, at most `most` of them; `total` says how many there are. */
export async function fetchReconciliations(
  filter: ReconciliationFilter,
  most: number,
  signal?: AbortSignal,
): Promise<Answer<Reconciliations>> {
  const { from, to, clientId, status, isBelow } = filter;
  const wanted = { from, to, client_id: clientId, status, is_below: isBelow || null };
  let found: Reconciliations = { items: [], total: 1, problems: [] };
  while (found.items.length < Math.min(found.total, most)) {
    const limit = Math.min(PAGE, most - found.items.length);
    const query = { ...wanted, offset: found.items.length, limit };
    const answer = await ask('/reconciliations', readPage, { query, signal });
    if (!answer.ok) return answer;
    const { items, total, problems } = answer.value;
    found = { items: [...found.items, ...items], total, problems };
    if (items.length === 0) break;
  }
  return { ok: true, value: found };
}

/** One completed UTC day, now. What is missing is booked, once. */
export function runReconciliation(date: string): Promise<Answer<Run>> {
  return ask('/reconciliations/run', readRun, { method: 'POST', body: { date } });
}

export function fetchKeyCounters(
  offset: number,
  limit: number,
  signal?: AbortSignal,
): Promise<Answer<Page<KeyCounter>>> {
  const read = (body: unknown) => pageOf(body, 'counters', readCounter);
  return ask('/reconciliations/keys', read, { query: { offset, limit }, signal });
}

export function fetchBroadcasts(
  filter: { status: BroadcastFinding | ''; offset: number; limit: number },
  signal?: AbortSignal,
): Promise<Answer<Page<Broadcast>>> {
  const read = (body: unknown) => pageOf(body, 'broadcasts', readBroadcast);
  return ask('/broadcast', read, { query: filter, signal });
}

function readPage(body: unknown): Reconciliations {
  const problems = list(record(body, 'body').problems, 'problems', (day) => ({
    date: text(day.date, 'date'),
    problem: text(day.problem, 'problem'),
  }));
  return { ...pageOf(body, 'reconciliations', readReconciliation), problems };
}

function readRun(body: unknown): Run {
  const run = record(body, 'body');
  return {
    date: text(run.date, 'date'),
    isFinal: flag(run.is_final, 'is_final'),
    reconciliations: list(run.reconciliations, 'reconciliations', readReconciliation),
  };
}

export function readReconciliation(line: Fields): Reconciliation {
  return {
    date: text(line.date, 'date'),
    keyHash: text(line.key_hash, 'key_hash'),
    clientId: optionalText(line.client_id, 'client_id'),
    status: oneOf(line.status, 'status', FINDINGS),
    reason: text(line.reason, 'reason'),
    isBelow: flag(line.is_below, 'is_below'),
    captured: amount(line.captured, 'captured'),
    adjusted: amount(line.adjusted, 'adjusted'),
    provider: amount(line.provider, 'provider'),
    difference: amount(line.difference, 'difference'),
    capturedRequests: count(line.captured_requests, 'captured_requests'),
    providerRequests: count(line.provider_requests, 'provider_requests'),
    models: list(line.models, 'models', readModel),
    identified: count(line.identified, 'identified'),
    closedHolds: count(line.closed_holds, 'closed_holds'),
    checkedAt: instant(line.checked_at, 'checked_at'),
  };
}

function readModel(difference: Fields): ModelDifference {
  return {
    model: text(difference.model, 'model'),
    ours: readFigures(record(difference.ours, 'ours')),
    theirs: readFigures(record(difference.theirs, 'theirs')),
  };
}

function readFigures(figures: Fields): Figures {
  return {
    requests: count(figures.requests, 'requests'),
    promptTokens: count(figures.prompt_tokens, 'prompt_tokens'),
    completionTokens: count(figures.completion_tokens, 'completion_tokens'),
    raw: amount(figures.raw, 'raw'),
  };
}

function readCounter(counter: Fields): KeyCounter {
  return {
    keyHash: text(counter.key_hash, 'key_hash'),
    clientId: optionalText(counter.client_id, 'client_id'),
    label: text(counter.label, 'label'),
    usage: amount(counter.usage, 'usage'),
    difference: optionalAmount(counter.difference, 'difference'),
    at: instant(counter.at, 'at'),
    previousAt: optionalInstant(counter.previous_at, 'previous_at'),
  };
}

function readBroadcast(call: Fields): Broadcast {
  return {
    generationId: text(call.generation_id, 'generation_id'),
    status: oneOf(call.status, 'status', BROADCAST_FINDINGS),
    reason: text(call.reason, 'reason'),
    beganAt: instant(call.began_at, 'began_at'),
    receivedAt: instant(call.received_at, 'received_at'),
    model: text(call.model, 'model'),
    provider: text(call.provider, 'provider'),
    openrouterUserId: optionalText(call.openrouter_user_id, 'openrouter_user_id'),
    keyName: optionalText(call.key_name, 'key_name'),
    promptTokens: count(call.prompt_tokens, 'prompt_tokens'),
    completionTokens: count(call.completion_tokens, 'completion_tokens'),
    raw: amount(call.raw, 'raw'),
  };
}
