import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { findHostName, findSession, signInAddress } from './session';

const asked = vi.fn<typeof fetch>();
const answers = (status: number, body: unknown) =>
  asked.mockResolvedValue(new Response(JSON.stringify(body), { status }));

beforeEach(() => {
  asked.mockReset();
  vi.stubGlobal('fetch', asked);
});
afterEach(() => localStorage.clear());

it('asks the host with the token of its front end', async () => {
  localStorage.setItem('token', 'kept');
  answers(200, { role: 'admin', token: 'other' });
  await expect(findSession()).resolves.toEqual({ isAdmin: true });
  const [address, options] = asked.mock.calls[0] ?? [];
  expect(address).toBe('/api/v1/auths/');
  expect(options?.headers).toEqual({ Authorization: 'Bearer kept' });
  expect(localStorage.getItem('token')).toBe('kept');
});

it('takes the session of the cookie where there is no token, and keeps it', async () => {
  answers(200, { role: 'user', token: 'told' });
  await expect(findSession()).resolves.toEqual({ isAdmin: false });
  expect(asked.mock.calls[0]?.[1]?.headers).toEqual({});
  expect(localStorage.getItem('token')).toBe('told');
});

it.each([
  [401, 'nobody'],
  [403, 'nobody'],
  [500, 'unreachable'],
])('understands %d as %s', async (status, session) => {
  answers(status, {});
  await expect(findSession()).resolves.toBe(session);
});

it('says so when there is no answer, or one that is no JSON', async () => {
  asked.mockRejectedValueOnce(new TypeError('offline'));
  await expect(findSession()).resolves.toBe('unreachable');
  asked.mockResolvedValueOnce(new Response('<html>'));
  await expect(findSession()).resolves.toBe('unreachable');
});

it.each([
  [{ name: 'Acme Chat' }, 'Acme Chat'],
  [{ name: 7 }, ''],
  [null, ''],
])('has the name of the installation from %j', async (body, name) => {
  answers(200, body);
  await expect(findHostName()).resolves.toBe(name);
});

it('leads back to where the reader was', () => {
  history.replaceState(null, '', '/ui/?usage=tab%3Dusers#administration');
  expect(signInAddress()).toBe('/auth?redirect=%2Fui%2F%3Fusage%3Dtab%253Dusers%23administration');
});
