import { expect, it } from 'vitest';
import { keyBody } from '../testing/organizations';
import { problem, stubServer } from '../testing/server';
import { checkKeys, fetchKey, storeKey, takeKeyStep } from './keys';

it.each(['provision', 'rotate', 'disable', 'enable'] as const)(
  'takes the step %s',
  async (step) => {
    const body = { message: 'Done.', key: keyBody({ retires_at: '2026-11-24T09:01:00Z' }) };
    const server = stubServer({ [`POST /clients/acme/key/${step}`]: { body } });
    expect(await takeKeyStep('acme', step)).toMatchObject({
      value: {
        message: 'Done.',
        key: { state: 'active', retiresAt: Date.UTC(2026, 10, 24, 9, 1) },
      },
    });
    expect(server.asked).toHaveLength(1);
  },
);

it('sends a key that exists, and says why OpenRouter refused it', async () => {
  const server = stubServer({ 'PUT /clients/acme/key': problem(502, 'OpenRouter is away') });
  expect(await storeKey('acme', 'sk-or-v1-1')).toMatchObject({
    failure: { kind: 'upstream', detail: 'OpenRouter is away' },
  });
  expect(server.asked[0]?.body).toEqual({ key: 'sk-or-v1-1' });
});

it('reads a key with a problem', async () => {
  const key = keyBody({ state: 'lost', problem: 'OpenRouter does not know it', label: null });
  stubServer({ 'GET /clients/acme/key': { body: { key } } });
  expect(await fetchKey('acme')).toMatchObject({
    value: { key: { state: 'lost', problem: 'OpenRouter does not know it', label: null } },
  });
});

it('has all keys compared', async () => {
  const report = { checked: 4, problem: '', findings: [], unknown: [] };
  stubServer({ 'POST /keys/check': { body: { report } } });
  expect(await checkKeys()).toEqual({ ok: true, value: { checked: 4, problem: null } });
});
