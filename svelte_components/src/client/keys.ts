/** The key each organization has at OpenRouter. No answer ever holds the key itself. */
import { ask, type Answer } from './http';
import {
  count,
  flag,
  oneOf,
  optionalInstant,
  optionalText,
  record,
  text,
  type Fields,
} from './read';

const KEY_STATES = ['none', 'active', 'disabled', 'lost', 'needs_reentry'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export interface OrganizationKey {
  /** `none` uses the host's key; `lost` is unknown at OpenRouter; `needs_reentry` cannot be opened. */
  state: KeyState;
  /** Masked. */
  label: string | null;
  /** The server's sentence about what is wrong with it. */
  problem: string | null;
  /** When it was last compared with OpenRouter, in UTC milliseconds. */
  checkedAt: number | null;
  /** OpenRouter has not taken over the newest limit or name yet. */
  isPending: boolean;
  /** When the key it replaced is deleted. */
  retiresAt: number | null;
}

/** What was done, in the server's words, and the key after it. */
export interface KeyAnswer {
  key: OrganizationKey;
  message: string;
}

export type KeyStep = 'provision' | 'rotate' | 'disable' | 'enable';

export function fetchKey(client: string, signal?: AbortSignal): Promise<Answer<KeyAnswer>> {
  return ask(path(client), readAnswer, { signal });
}

export function takeKeyStep(client: string, step: KeyStep): Promise<Answer<KeyAnswer>> {
  return ask(`${path(client)}/${step}`, readAnswer, { method: 'POST' });
}

/** Gives the organization a key that exists already. The secret goes out and never comes back. */
export function storeKey(client: string, secret: string): Promise<Answer<KeyAnswer>> {
  return ask(path(client), readAnswer, { method: 'PUT', body: { key: secret } });
}

/** Compares all keys with OpenRouter's now, and answers with how many were looked at. */
export function checkKeys(): Promise<Answer<{ checked: number; problem: string | null }>> {
  return ask('/keys/check', readReport, { method: 'POST' });
}

export function readKey(key: Fields): OrganizationKey {
  return {
    state: oneOf(key.state, 'key.state', KEY_STATES),
    label: optionalText(key.label, 'key.label'),
    problem: optionalText(key.problem, 'key.problem') || null,
    checkedAt: optionalInstant(key.checked_at, 'key.checked_at'),
    isPending: flag(key.is_pending, 'key.is_pending'),
    retiresAt: optionalInstant(key.retires_at, 'key.retires_at'),
  };
}

function path(client: string): string {
  return `/clients/${encodeURIComponent(client)}/key`;
}

function readAnswer(body: unknown): KeyAnswer {
  const answer = record(body, 'body');
  return {
    key: readKey(record(answer.key, 'key')),
    message: text(answer.message ?? '', 'message'),
  };
}

function readReport(body: unknown) {
  const report = record(record(body, 'body').report, 'report');
  return {
    checked: count(report.checked, 'report.checked'),
    problem: optionalText(report.problem, 'report.problem') || null,
  };
}
