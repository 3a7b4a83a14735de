import { expect, it } from 'vitest';
import { ALERT_BODIES, alertBody, muteBody, ruleBody } from '../testing/alerts';
import { pageBody } from '../testing/billing';
import { problem, stubServer } from '../testing/server';
import {
  acknowledgeAlert,
  addMute,
  changeRule,
  createRule,
  fetchAlerts,
  fetchRules,
  resolveAlert,
  testChannel,
} from './alerts';

it('reads alerts of every kind, those of a kind it does not know included', async () => {
  const server = stubServer({ 'GET /alerts': { body: pageBody('alerts', ALERT_BODIES) } });
  const answer = await fetchAlerts({ state: 'open', kind: '', offset: 0, limit: 50 });
  expect(answer.ok && answer.value.items.at(-1)).toMatchObject({ kind: 'moon.full' });
  expect(Object.fromEntries(server.asked[0]?.query ?? [])).toEqual({
    state: 'open',
    offset: '0',
    limit: '50',
  });
});

it('leaves the note that is there where none is given', async () => {
  const server = stubServer({
    'POST /alerts/7/acknowledge': { body: { alert: alertBody({ state: 'acknowledged' }) } },
    'POST /alerts/7/resolve': problem(409, 'the alert is resolved already'),
  });
  const taken = await acknowledgeAlert(7, '');
  expect(taken.ok && taken.value.state).toBe('acknowledged');
  expect(await resolveAlert(7, 'paid')).toMatchObject({ failure: { kind: 'conflict' } });
  expect(server.asked.map(({ body }) => body)).toEqual([{}, { note: 'paid' }]);
});

it('makes a rule of what it is about, and changes only what is named', async () => {
  const server = stubServer({
    'GET /alerts/rules': { body: pageBody('rules', [ruleBody()]) },
    'POST /alerts/rules': { status: 201, body: { rule: ruleBody({ id: 9 }) } },
    'PATCH /alerts/rules/9': { body: { rule: ruleBody({ id: 9, is_enabled: false }) } },
  });
  const rules = await fetchRules();
  expect(rules.ok && rules.value[0]?.isBuiltIn).toBe(true);
  await createRule({
    name: 'Acme',
    kind: 'spend',
    level: 'organization',
    clientId: 'acme',
    userId: null,
    isEnabled: true,
    severity: 'info',
    parameters: { period: 'day', amounts: ['5'] },
    channels: ['email'],
    emails: [],
    notifyOrganization: true,
  });
  await changeRule(9, { isEnabled: false });
  expect(server.of('POST /alerts/rules')[0]?.body).toEqual({
    name: 'Acme',
    kind: 'spend',
    level: 'organization',
    client_id: 'acme',
    user_id: null,
    is_enabled: true,
    severity: 'info',
    parameters: { period: 'day', amounts: ['5'] },
    channels: ['email'],
    emails: [],
    notify_organization: true,
  });
  expect(server.of('PATCH /alerts/rules/9')[0]?.body).toEqual({ is_enabled: false });
});

it('says until when a mute lasts as an instant', async () => {
  const server = stubServer({ 'POST /alerts/mutes': { status: 201, body: { mute: muteBody() } } });
  const until = Date.UTC(2026, 11, 1);
  const made = await addMute({ ruleId: null, clientId: 'acme', until, note: '' });
  expect(made.ok && made.value.until).toBe(until);
  expect(server.asked[0]?.body).toMatchObject({ until: '2026-12-01T00:00:00.000Z' });
});

it('sends an address with an e-mail alone', async () => {
  const steps = [{ name: 'greeting', is_done: false, detail: '554' }];
  const server = stubServer({ 'POST /alerts/test': { body: { success: false, steps } } });
  const answer = await testChannel('email', 'ops@example.com');
  await testChannel('host', 'ops@example.com');
  expect(answer.ok && answer.value).toEqual([{ name: 'greeting', isDone: false, detail: '554' }]);
  expect(server.asked.map(({ body }) => body)).toEqual([
    { channel: 'email', to: 'ops@example.com' },
    { channel: 'host' },
  ]);
});
