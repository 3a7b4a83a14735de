import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { jsonResponse } from '../testing/page';
import { sampleBody } from '../testing/usage';
import { ANSWER_TIMEOUT_MS, API } from './http';
import {
  fetchMyOrganization,
  MY_ORGANIZATION,
  readMyOrganization,
  readTold,
} from './my-organization';

const fetchMock = vi.fn<typeof fetch>();
const ask = () => fetchMyOrganization(new AbortController().signal);

beforeEach(() => {
  localStorage.token = 'secret';
  fetchMock.mockReset();
  vi.stubGlobal('fetch', fetchMock);
});

afterEach(() => {
  vi.useRealTimers();
  localStorage.clear();
});

describe('fetchMyOrganization', () => {
  it('asks our route with the session’s token and gives the figures', async () => {
    fetchMock.mockResolvedValue(jsonResponse(sampleBody()));
    const answer = await ask();
    expect(answer.ok && answer.value.today.cost).toBe('0.000123456');
    const [url, init] = fetchMock.mock.calls[0] ?? [];
    expect(url).toBe(API + MY_ORGANIZATION);
    expect(new Headers(init?.headers).get('Authorization')).toBe('Bearer secret');
  });

  it('does not ask when nobody is signed in', async () => {
    localStorage.clear();
    expect(await ask()).toMatchObject({ ok: false, failure: { kind: 'signed-out' } });
    expect(fetchMock).not.toHaveBeenCalled();
  });

  it('tells a reader without an organization from a page that is not there', async () => {
    const problem = { title: 'No organization', detail: 'why' };
    fetchMock.mockImplementation(async () => jsonResponse(problem, 404));
    expect(await ask()).toMatchObject({ failure: { kind: 'no-organization', detail: 'why' } });
    fetchMock.mockImplementation(async () => jsonResponse({ detail: 'why' }, 404));
    expect(await ask()).toMatchObject({ failure: { kind: 'not-found' } });
  });

  it.each([
    [401, 'signed-out'],
    [403, 'forbidden'],
    [503, 'unavailable'],
    [429, 'busy'],
    [500, 'server'],
    [418, 'server'],
  ])('names the status %d: %s', async (status, kind) => {
    fetchMock.mockResolvedValue(jsonResponse({ detail: 'why' }, status));
    expect(await ask()).toMatchObject({ ok: false, failure: { kind, status, detail: 'why' } });
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

describe('readMyOrganization', () => {
  it('keeps a picodollar', () => {
    const body = sampleBody();
    body.stats.today.cost = '0.000000000001';
    expect(readMyOrganization(body).today.cost).toBe('0.000000000001');
  });

  it('reads an organization without limits', () => {
    const body = sampleBody();
    Object.assign(body.limit, { monthly_limit: null, remaining: null, used_percent: null });
    const { limit, ownLimit } = readMyOrganization(body);
    expect(limit).toMatchObject({ monthlyLimit: null, usedPercent: null, spent: '1234.565' });
    expect(ownLimit).toBeNull();
  });

  it.each([
    ['a text for tokens', { tokens: '72' }],
    ['no requests', { requests: undefined }],
    ['money as a number', { cost: 0.1 }],
    ['a number that is none', { pending_requests: Number.NaN }],
  ])('refuses %s', (_name, change) => {
    const body = sampleBody();
    Object.assign(body.stats.today, change);
    expect(() => readMyOrganization(body)).toThrow(TypeError);
  });

  it('refuses a role that it does not know', () => {
    expect(() => readMyOrganization({ ...sampleBody(), role: 'king' })).toThrow(TypeError);
  });
});

it.each(['', '{', 'null', '{"client_id": "org_1"}', '[]'])('hears nothing in %j', (data) => {
  expect(readTold(data)).toBeNull();
});
