/**
 * The one place that talks to the server. Every trouble is an answer, none is thrown.
 *
 * Money stays a decimal string from the wire to the formatter: a float would already have lost
 * digits. Tokens and requests are integers.
 */
import { stored } from '../host/host';

export const API = '/api/v1/client_organizations';

/** How long an answer may take before it counts as unreachable, in milliseconds. */
export const ANSWER_TIMEOUT_MS = 20_000;

export type FailureKind =
  | 'signed-out'
  | 'forbidden'
  | 'no-organization'
  | 'not-found'
  | 'conflict'
  | 'changed'
  | 'invalid'
  | 'busy'
  | 'unavailable'
  | 'upstream'
  | 'server'
  | 'unreadable'
  | 'unreachable';

export interface FieldProblem {
  field: string;
  message: string;
}

export interface Failure {
  kind: FailureKind;
  /** HTTP status, 0 when there was no answer. */
  status: number;
  /** The server's own words, where it had any. */
  detail: string;
  /** What the server found wrong with which field. */
  fields: FieldProblem[];
  retryAfterMs: number | null;
}

export type Answer<T> = { ok: true; value: T } | { ok: false; failure: Failure };

export type Query = Record<string, string | number | boolean | null | undefined>;

export interface AskOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Empty and missing values are left out. */
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, in place of a body. */
  text?: { type: string; content: string };
  /** The version that was read: a change made by somebody else in between is not overwritten. */
  ifMatch?: string | null;
  /** A status beside those of success whose body may be the answer as well. */
  alsoReads?: number;
  /** Aborted when the page no longer wants the answer. */
  signal?: AbortSignal;
}

/**
 * Asks below our API. `read` turns the JSON into our shape and throws a `TypeError` for another one.
 */
export async function ask<T>(
  path: string,
  read: (body: unknown, headers: Headers) => T,
  options: AskOptions = {},
): Promise<Answer<T>> {
  return exchange(path, options, async (response) => {
    const body = await response.text();
    try {
      return { ok: true, value: read(JSON.parse(body), response.headers) };
    } catch {
      return failed('unreadable', response.status);
    }
  });
}

/** Fetches a file with the session's token and hands it to the browser to save. */
export async function download(path: string, query: Query, name: string): Promise<Answer<null>> {
  return exchange(path, { query }, async (response) => {
    const address = URL.createObjectURL(await response.blob());
    const link = document.createElement('a');
    link.href = address;
    link.download = nameOf(response) ?? name;
    link.click();
    URL.revokeObjectURL(address);
    return { ok: true, value: null };
  });
}

export function failed(kind: FailureKind, status: number, more: Partial<Failure> = {}) {
  const failure: Failure = { kind, status, detail: '', fields: [], retryAfterMs: null, ...more };
  return { ok: false as const, failure };
}

async function exchange<T>(
  path: string,
  options: AskOptions,
  read: (response: Response) => Promise<Answer<T>>,
): Promise<Answer<T>> {
  const token = stored('token');
  if (!token) return failed('signed-out', 401);
  const limited = withTimeout(options.signal, ANSWER_TIMEOUT_MS);
  try {
    const response = await fetch(addressOf(path, options.query), {
      method: options.method ?? 'GET',
      headers: headersOf(token, options),
      body: bodyOf(options),
      signal: limited.signal,
      cache: 'no-store',
    });
    if (response.ok) return await read(response);
    const also = options.alsoReads === response.status ? await read(response.clone()) : null;
    return also?.ok ? also : await readFailure(response);
  } catch {
    return failed('unreachable', 0);
  } finally {
    limited.release();
  }
}

function addressOf(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== '');
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length > 0 ? `${API}${path}?${search}` : `${API}${path}`;
}

function headersOf(token: string, { body, text, ifMatch }: AskOptions): Record<string, string> {
  const type = text?.type ?? (body === undefined ? null : 'application/json');
  return {
    Accept: 'application/json',
    Authorization: `Bearer ${token}`,
    ...(type && { 'Content-Type': type }),
    ...(ifMatch && { 'If-Match': ifMatch }),
  };
}

function bodyOf({ body, text }: AskOptions): string | null {
  if (text) return text.content;
  return body === undefined ? null : JSON.stringify(body);
}

async function readFailure(response: Response) {
  const body = (await response.json().catch(() => null)) as Record<string, unknown> | null;
  const detail = typeof body?.detail === 'string' ? body.detail : '';
  const fields = Array.isArray(body?.errors) ? body.errors.flatMap(fieldOf) : [];
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : null;
  return failed(kindOf(response.status, body), response.status, { detail, fields, retryAfterMs });
}

function fieldOf(problem: unknown): FieldProblem[] {
  const { field, message } = (problem ?? {}) as Record<string, unknown>;
  return typeof field === 'string' && typeof message === 'string' ? [{ field, message }] : [];
}

const KINDS: Record<number, FailureKind> = {
  400: 'invalid',
  401: 'signed-out',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  412: 'changed',
  413: 'invalid',
  415: 'invalid',
  422: 'invalid',
  429: 'busy',
  502: 'upstream',
  503: 'unavailable',
};

function kindOf(status: number, body: Record<string, unknown> | null): FailureKind {
  // A gateway before the server may answer 502 as well, but not with a problem of ours.
  if (status === 502 && typeof body?.detail !== 'string') return 'server';
  if (status === 404 && body?.title === 'No organization') return 'no-organization';
  return KINDS[status] ?? 'server';
}

function nameOf(response: Response): string | null {
  const disposition = response.headers.get('Content-Disposition') ?? '';
  return /filename="([^"]+)"/.exec(disposition)?.[1] ?? null;
}

/** `AbortSignal.any` and `AbortSignal.timeout` in one, for browsers that have neither. */
function withTimeout(signal: AbortSignal | undefined, milliseconds: number) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, milliseconds);
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  const release = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, release };
}
