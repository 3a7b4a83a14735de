import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { jsonResponse } from '../testing/page';
import { sampleBody, sampleUsage } from '../testing/usage';
import {
  ANSWER_TIMEOUT_MS,
  fetchMyOrganization,
  MY_ORGANIZATION_URL,
  parseUsage,
  withToday,
} from './usage';

const fetchMock = vi.fn<typeof fetch>();
const signal = () => new AbortController().signal;
const ask = (token: string | null = 'secret') => fetchMyOrganization({ token, signal: signal() });

beforeEach(() => {
  fetchMock.mockReset();
  vi.stubGlobal('fetch', fetchMock);
});

afterEach(() => vi.useRealTimers());

describe('fetchMyOrganization', () => {
  it('asks our route with the session’s token and gives the figures', async () => {
    fetchMock.mockResolvedValue(jsonResponse(sampleBody()));
    const answer = await ask();
    expect(answer.ok && answer.usage.today.cost).toBe('0.000123456');
    const [url, init] = fetchMock.mock.calls[0] ?? [];
    expect(url).toBe(MY_ORGANIZATION_URL);
    expect(new Headers(init?.headers).get('Authorization')).toBe('Bearer secret');
  });

  it('does not ask when nobody is signed in', async () => {
    expect(await ask(null)).toMatchObject({ ok: false, failure: { kind: 'signed-out' } });
    expect(fetchMock).not.toHaveBeenCalled();
  });

  it.each([
    [404, 'no-organization'],
    [401, 'signed-out'],
    [403, 'signed-out'],
    [503, 'unavailable'],
    [429, 'busy'],
    [500, 'server'],
    [418, 'server'],
  ])('names the status %d: %s', async (status, kind) => {
    fetchMock.mockResolvedValue(jsonResponse({ detail: 'why' }, status));
    expect(await ask()).toEqual({ ok: false, failure: { kind, status, detail: 'why' } });
  });

  it('reads an error that is not JSON', async () => {
    fetchMock.mockResolvedValue(jsonResponse('<html>Bad gateway</html>', 502));
    expect(await ask()).toEqual({
      ok: false,
      failure: { kind: 'server', status: 502, detail: '' },
    });
  });

  it.each([
    ['cut off', '{"success": tru'],
    ['a web page', '<!doctype html>'],
    ['another shape', '{"success": true}'],
    ['empty', ''],
  ])('calls an answer that is %s unreadable', async (_name, body) => {
    fetchMock.mockResolvedValue(jsonResponse(body));
    expect(await ask()).toMatchObject({ failure: { kind: 'unreadable' } });
  });

  it('calls a network error unreachable', async () => {
    fetchMock.mockRejectedValue(new TypeError('Failed to fetch'));
    expect(await ask()).toMatchObject({ failure: { kind: 'unreachable' } });
  });

  it('gives up on an answer that does not come, and keeps no timer', async () => {
    vi.useFakeTimers();
    fetchMock.mockImplementation(
      (_url, init) =>
        new Promise((_resolve, reject) =>
          init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))),
        ),
    );
    const answer = ask();
    await vi.advanceTimersByTimeAsync(ANSWER_TIMEOUT_MS);
    expect(await answer).toMatchObject({ failure: { kind: 'unreachable' } });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('parseUsage', () => {
  it('keeps a picodollar', () => {
    const body = sampleBody();
    body.stats.today.cost = '0.000000000001';
    expect(parseUsage(body).today.cost).toBe('0.000000000001');
  });

  it.each([
    ['a text for tokens', { tokens: '72' }],
    ['no requests', { requests: undefined }],
    ['a number that is none', { pending_requests: Number.NaN }],
  ])('refuses %s', (_name, change) => {
    const body = sampleBody();
    Object.assign(body.stats.today, change);
    expect(() => parseUsage(body)).toThrow(TypeError);
  });
});

describe('withToday', () => {
  const usage = sampleUsage();
  const told = (today: object, organizationId = 'org_1') => ({
    organizationId,
    today: { ...usage.today, ...today },
  });

  it('puts the told figures into today and into the last day of the history', () => {
    const today = { tokens: 8000, cost: '0.5', requests: 5, pendingRequests: 0 };
    const next = withToday(usage, told({ ...today, lastUpdated: null }));
    expect(next?.today).toMatchObject(today);
    const day = {
      date: usage.today.date,
      tokens: 8000,
      cost: '0.5',
      requests: 5,
      isImported: false,
    };
    expect(next?.history.at(-1)).toEqual(day);
    expect(next?.history.slice(0, -1)).toEqual(usage.history.slice(0, -1));
    expect(next?.month).toEqual(usage.month);
  });

  it('gives the same object when nothing but the instant differs', () => {
    expect(withToday(usage, told({ lastUpdated: '2026-11-24T11:00:00Z' }))).toBe(usage);
  });

  it('does not mix organizations or days', () => {
    expect(withToday(usage, told({ tokens: 1 }, 'org_2'))).toBeNull();
    expect(withToday(usage, told({ date: '2026-11-25' }))).toBeNull();
  });
});
