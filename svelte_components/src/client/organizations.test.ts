import { expect, it } from 'vitest';
import { organizationBody, pageBody, reportBody, summaryBody } from '../testing/organizations';
import { problem, stubServer } from '../testing/server';
import { fetchLimitEvents, fetchReport } from './organization-usage';
import { changeOrganization, fetchOrganization, fetchOrganizations } from './organizations';

const WANTED = {
  search: 'ac me',
  status: 'active',
  sort: 'spend',
  descending: true,
  offset: 25,
  limit: 25,
} as const;

it('asks for a page of organizations and reads it', async () => {
  const server = stubServer({ 'GET /usage/by-client': { body: pageBody([summaryBody()], 30) } });
  const answer = await fetchOrganizations(WANTED);
  expect(Object.fromEntries(server.asked[0]?.query ?? [])).toEqual({
    search: 'ac me',
    status: 'active',
    sort: '-spend',
    offset: '25',
    limit: '25',
  });
  expect(answer).toMatchObject({
    ok: true,
    value: { total: 30, clients: [{ id: 'acme', thisMonth: { billed: '412.5', margin: '23.1' } }] },
  });
});

it('refuses a shape it does not know', async () => {
  stubServer({ 'GET /usage/by-client': { body: pageBody([summaryBody({ sparkline: [1.5] })]) } });
  expect(await fetchOrganizations(WANTED)).toMatchObject({ failure: { kind: 'unreadable' } });
});

it('sends the version that was read with a change, and says who was faster', async () => {
  const server = stubServer({ 'PATCH /clients/a%2Fb': problem(412, 'it has version 4') });
  const answer = await changeOrganization('a/b', { name: 'New' }, 3);
  expect(server.asked[0]?.headers.get('If-Match')).toBe('"3"');
  expect(server.asked[0]?.body).toEqual({ name: 'New' });
  expect(answer).toMatchObject({ ok: false, failure: { kind: 'changed' } });
});

it('fills up what a contact lacks', async () => {
  stubServer({ 'GET /clients/acme': { body: { client: organizationBody() } } });
  expect(await fetchOrganization('acme')).toMatchObject({
    value: { contacts: [{ name: 'Anna', email: 'anna@acme.example', phone: '', role: '' }] },
  });
});

it('asks for days as they come, and for the rest dearest first', async () => {
  const server = stubServer({ 'GET /usage/report': { body: reportBody('day', ['2026-11-24']) } });
  expect(await fetchReport('acme', 'day', 30)).toMatchObject({
    value: { to: '2026-11-24', change: '12.5', lines: [{ group: '2026-11-24' }] },
  });
  await fetchReport('acme', 'user', 7);
  const [days, users] = server.asked.map(({ query }) => Object.fromEntries(query));
  expect(days).toMatchObject({ group_by: 'day', days_back: '30', compare: 'previous' });
  expect(users).toMatchObject({ group_by: 'user', sort: 'markup_cost', order: 'desc' });
});

it('reads marks of limits that were reached', async () => {
  const event = {
    id: 7,
    kind: 'limit.threshold',
    client_id: 'acme',
    user_id: null,
    month: '2026-11',
    percent: 80,
    monthly_limit: '500',
    spent: '401.5',
    at: '2026-11-20T10:00:00Z',
  };
  stubServer({ 'GET /limits/events': { body: { events: [event], total: 1 } } });
  expect(await fetchLimitEvents('acme', { offset: 0, limit: 5 })).toMatchObject({
    value: { total: 1, events: [{ percent: 80, at: Date.UTC(2026, 10, 20, 10) }] },
  });
});
