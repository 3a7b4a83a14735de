/** Who else is told of events, and how that goes. */
import { ask, type Answer, type Query } from './http';
import { pageOf, type Page } from './page';
import {
  count,
  flag,
  instant,
  oneOf,
  optionalCount,
  optionalInstant,
  optionalText,
  record,
  text,
  texts,
  type Fields,
} from './read';

export const EVENT_KINDS = [
  'usage.day_sealed',
  'limit.threshold_crossed',
  'limit.reached',
  'statement.closed',
  'key.created',
  'key.rotated',
  'key.disabled',
  'key.trouble',
  'reconciliation.gap',
  'alert.fired',
  'alert.resolved',
] as const;
export const DELIVERY_STATES = ['waiting', 'delivered', 'failed', 'dead'] as const;

export type EventKind = (typeof EVENT_KINDS)[number];
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export interface Webhook {
  id: string;
  url: string;
  description: string;
  /** Empty for all. */
  events: string[];
  clientId: string | null;
  isEnabled: boolean;
  disabledAt: number | null;
  disabledReason: string;
  /** Until then two secrets sign. */
  previousSecretUntil: number | null;
  /** The first of an unbroken row of failures. */
  failingSince: number | null;
  lastFailureAt: number | null;
  lastSuccessAt: number | null;
  pausedUntil: number | null;
  createdAt: number;
  updatedAt: number;
}

export interface WebhookTerms {
  url: string;
  description: string;
  events: string[];
  clientId: string | null;
  isEnabled: boolean;
}

export interface NewSecret {
  webhook: Webhook;
  secret: string;
}

export interface Delivery {
  id: number;
  webhookId: string;
  eventId: string;
  eventType: string;
  event: Fields;
  state: DeliveryState;
  attempts: number;
  createdAt: number;
  lastAttemptAt: number | null;
  nextAttemptAt: number | null;
  finishedAt: number | null;
  /** These are of the last attempt. */
  status: number | null;
  answer: string;
  problem: string;
  durationMs: number | null;
  replayOf: number | null;
}

export interface DeliveryFilter {
  state?: DeliveryState | '';
  event?: string;
  offset?: number;
  limit?: number;
}

const MOST = 200;

export function fetchWebhooks(signal?: AbortSignal): Promise<Answer<Page<Webhook>>> {
  const read = (body: unknown) => pageOf(body, 'webhooks', readWebhook);
  return ask('/webhooks', read, { query: { limit: MOST }, signal });
}

export function createWebhook(terms: WebhookTerms): Promise<Answer<NewSecret>> {
  return ask('/webhooks', readSecret, { method: 'POST', body: wireTerms(terms) });
}

export function changeWebhook(id: string, terms: Partial<WebhookTerms>): Promise<Answer<Webhook>> {
  return ask(pathOf(id), readAnswer, { method: 'PATCH', body: wireTerms(terms) });
}

export function removeWebhook(id: string): Promise<Answer<null>> {
  return ask(pathOf(id), () => null, { method: 'DELETE' });
}

/** Until so many hours have gone by the present secret signs, too. */
export function rotateSecret(id: string, overlapHours: number): Promise<Answer<NewSecret>> {
  const query = { overlap_hours: overlapHours };
  return ask(`${pathOf(id)}/rotate-secret`, readSecret, { method: 'POST', query });
}

/** Sends a ping at once and answers with what came of it. */
export function testWebhook(id: string): Promise<Answer<Delivery>> {
  return ask(`${pathOf(id)}/test`, readDeliveryAnswer, { method: 'POST' });
}

export function fetchDeliveries(
  id: string,
  filter: DeliveryFilter,
  signal?: AbortSignal,
): Promise<Answer<Page<Delivery>>> {
  const read = (body: unknown) => pageOf(body, 'deliveries', readDelivery);
  return ask(`${pathOf(id)}/deliveries`, read, { query: filter as Query, signal });
}

/** The same event with the same id, as a new delivery. */
export function replayDelivery(id: number): Promise<Answer<Delivery>> {
  return ask(`/webhooks/deliveries/${id}/replay`, readDeliveryAnswer, { method: 'POST' });
}

/** Everything again that was not delivered since then; how many that are. */
export function replaySince(id: string, since: number): Promise<Answer<number>> {
  const read = (body: unknown) => count(record(body, 'body').count, 'count');
  const body = { since: new Date(since).toISOString() };
  return ask(`${pathOf(id)}/replay`, read, { method: 'POST', body });
}

function pathOf(id: string): string {
  return `/webhooks/${encodeURIComponent(id)}`;
}

function wireTerms({ clientId, isEnabled, ...plain }: Partial<WebhookTerms>): Fields {
  return {
    ...plain,
    ...(clientId !== undefined && { client_id: clientId }),
    ...(isEnabled !== undefined && { enabled: isEnabled }),
  };
}

function readAnswer(body: unknown): Webhook {
  return readWebhook(record(record(body, 'body').webhook, 'webhook'));
}

function readSecret(body: unknown): NewSecret {
  return { webhook: readAnswer(body), secret: text(record(body, 'body').secret, 'secret') };
}

function readDeliveryAnswer(body: unknown): Delivery {
  return readDelivery(record(record(body, 'body').delivery, 'delivery'));
}

export function readWebhook(webhook: Fields): Webhook {
  return {
    id: text(webhook.id, 'id'),
    url: text(webhook.url, 'url'),
    description: text(webhook.description, 'description'),
    events: texts(webhook.events, 'events'),
    clientId: optionalText(webhook.client_id, 'client_id'),
    isEnabled: flag(webhook.enabled, 'enabled'),
    disabledAt: optionalInstant(webhook.disabled_at, 'disabled_at'),
    disabledReason: text(webhook.disabled_reason, 'disabled_reason'),
    previousSecretUntil: optionalInstant(webhook.previous_secret_until, 'previous_secret_until'),
    failingSince: optionalInstant(webhook.failing_since, 'failing_since'),
    lastFailureAt: optionalInstant(webhook.last_failure_at, 'last_failure_at'),
    lastSuccessAt: optionalInstant(webhook.last_success_at, 'last_success_at'),
    pausedUntil: optionalInstant(webhook.paused_until, 'paused_until'),
    createdAt: instant(webhook.created_at, 'created_at'),
    updatedAt: instant(webhook.updated_at, 'updated_at'),
  };
}

export function readDelivery(delivery: Fields): Delivery {
  return {
    id: count(delivery.id, 'id'),
    webhookId: text(delivery.webhook_id, 'webhook_id'),
    eventId: text(delivery.event_id, 'event_id'),
    eventType: text(delivery.event_type, 'event_type'),
    event: record(delivery.event, 'event'),
    state: oneOf(delivery.state, 'state', DELIVERY_STATES),
    attempts: count(delivery.attempts, 'attempts'),
    createdAt: instant(delivery.created_at, 'created_at'),
    lastAttemptAt: optionalInstant(delivery.last_attempt_at, 'last_attempt_at'),
    nextAttemptAt: optionalInstant(delivery.next_attempt_at, 'next_attempt_at'),
    finishedAt: optionalInstant(delivery.finished_at, 'finished_at'),
    status: optionalCount(delivery.status, 'status'),
    answer: text(delivery.answer, 'answer'),
    problem: text(delivery.problem, 'problem'),
    durationMs: optionalCount(delivery.duration_ms, 'duration_ms'),
    replayOf: optionalCount(delivery.replay_of, 'replay_of'),
  };
}
