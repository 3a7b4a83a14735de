import { expect, it } from 'vitest';
import { pageBody } from '../testing/billing';
import { problem, stubServer } from '../testing/server';
import { deliveryBody, webhookBody } from '../testing/webhooks';
import {
  changeWebhook,
  createWebhook,
  fetchDeliveries,
  fetchWebhooks,
  removeWebhook,
  replayDelivery,
  replaySince,
  rotateSecret,
  testWebhook,
} from './webhooks';

const terms = {
  url: 'https://hooks.acme.example/mai',
  description: '',
  events: [],
  clientId: null,
  isEnabled: true,
};

it('makes a webhook and hands over its secret once', async () => {
  const server = stubServer({
    'GET /webhooks': { body: pageBody('webhooks', [webhookBody()]) },
    'POST /webhooks': { status: 201, body: { webhook: webhookBody(), secret: 'whsec_abc' } },
    'POST /webhooks/wh-1/rotate-secret': { body: { webhook: webhookBody(), secret: 'whsec_d' } },
  });
  const listed = await fetchWebhooks();
  expect(listed.ok && listed.value.items[0]?.events).toEqual(['statement.closed', 'limit.reached']);
  const made = await createWebhook(terms);
  expect(made.ok && made.value.secret).toBe('whsec_abc');
  expect(server.of('POST /webhooks')[0]?.body).toEqual({
    url: terms.url,
    description: '',
    events: [],
    client_id: null,
    enabled: true,
  });
  const rotated = await rotateSecret('wh-1', 0);
  expect(rotated.ok && rotated.value.secret).toBe('whsec_d');
  expect(server.asked.at(-1)?.query.get('overlap_hours')).toBe('0');
});

it('says at which field an address was refused', async () => {
  stubServer({ 'POST /webhooks': problem(422, 'url: …', { url: 'a private address' }) });
  expect(await createWebhook(terms)).toMatchObject({
    failure: { kind: 'invalid', fields: [{ field: 'url', message: 'a private address' }] },
  });
});

it('changes what is named, and takes it away', async () => {
  const server = stubServer({
    'PATCH /webhooks/wh-1': { body: { webhook: webhookBody({ enabled: false }) } },
    'DELETE /webhooks/wh-1': { body: { success: true } },
  });
  const changed = await changeWebhook('wh-1', { isEnabled: false });
  expect(changed.ok && changed.value.isEnabled).toBe(false);
  expect(server.asked[0]?.body).toEqual({ enabled: false });
  expect(await removeWebhook('wh-1')).toEqual({ ok: true, value: null });
});

it('reads deliveries, tests and replays', async () => {
  const delivery = { body: { delivery: deliveryBody({ replay_of: 41 }) } };
  const server = stubServer({
    'GET /webhooks/wh-1/deliveries': { body: pageBody('deliveries', [deliveryBody()]) },
    'POST /webhooks/wh-1/test': delivery,
    'POST /webhooks/deliveries/41/replay': { status: 201, ...delivery },
    'POST /webhooks/wh-1/replay': { body: { count: 3 } },
  });
  const page = await fetchDeliveries('wh-1', { state: 'dead', offset: 0, limit: 20 });
  expect(page.ok && page.value.items[0]?.status).toBe(204);
  expect((await testWebhook('wh-1')).ok).toBe(true);
  const replayed = await replayDelivery(41);
  expect(replayed.ok && replayed.value.replayOf).toBe(41);
  expect(await replaySince('wh-1', 0)).toEqual({ ok: true, value: 3 });
  expect(server.asked.at(-1)?.body).toEqual({ since: '1970-01-01T00:00:00.000Z' });
});
