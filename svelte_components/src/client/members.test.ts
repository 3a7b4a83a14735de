import { expect, it } from 'vitest';
import { mappingBody, memberBody } from '../testing/organizations';
import { problem, stubServer } from '../testing/server';
import {
  assignMember,
  cancelPlanned,
  changeMember,
  fetchCandidates,
  fetchMembers,
  importMembers,
  removeMember,
} from './members';

it('reads a page of members', async () => {
  const server = stubServer({
    'GET /user-mappings': {
      body: { mappings: [mappingBody({ valid_to: '2026-12-01T00:00:00Z' })], total: 1 },
    },
  });
  const wanted = { client: 'acme', search: '', role: null, offset: 0, limit: 50 };
  expect(await fetchMembers(wanted)).toMatchObject({
    value: { members: [{ userId: 'u1', role: 'member', to: Date.UTC(2026, 11, 1) }] },
  });
  expect(Object.fromEntries(server.asked[0]?.query ?? [])).toEqual({
    client_id: 'acme',
    offset: '0',
    limit: '50',
  });
});

it.each([
  ['POST /user-mappings', () => assignMember('u1', 'acme', { role: 'manager' })],
  ['PATCH /user-mappings/u1', () => changeMember('u1', { monthly_limit: null })],
  ['DELETE /user-mappings/u1', () => removeMember('u1')],
  ['DELETE /user-mappings/u1/planned', () => cancelPlanned('u1')],
])('%s answers with the member’s history', async (route, act) => {
  const server = stubServer({ [route]: { body: memberBody() } });
  expect(await act()).toMatchObject({ ok: true, value: { history: [{ organization: 'acme' }] } });
  expect(server.of(route)).toHaveLength(1);
});

it('keeps a limit that is taken away apart from one that stays', async () => {
  const server = stubServer({ 'PATCH /user-mappings/u1': { body: memberBody() } });
  await changeMember('u1', { monthly_limit: null });
  await changeMember('u1', { role: 'manager' });
  expect(server.asked.map(({ body }) => body)).toEqual([
    { monthly_limit: null },
    { role: 'manager' },
  ]);
});

it('reads the host’s users with where they are', async () => {
  const candidate = {
    user_id: 'u2',
    name: 'Bob',
    email: 'bob@x.example',
    client_org_id: 'default',
    client_name: 'Default',
    role: 'member',
    source: 'default',
    is_assigned: false,
  };
  stubServer({ 'GET /user-mappings/candidates': { body: { candidates: [candidate], total: 9 } } });
  expect(await fetchCandidates('b', 20)).toMatchObject({
    value: { total: 9, candidates: [{ userId: 'u2', isAssigned: false }] },
  });
});

it('sends CSV as it is, and reads the verdict on each row', async () => {
  const rows = [
    { number: 1, user_id: 'u1', status: 'created', errors: [] },
    {
      number: 2,
      user_id: null,
      status: 'error',
      errors: [{ field: 'email', message: 'email is "x"; expected a user the host knows' }],
    },
  ];
  const server = stubServer({
    'POST /user-mappings/bulk': { body: { is_written: false, rows } },
  });
  const answer = await importMembers('email\nx', { dryRun: true });
  expect(server.asked[0]).toMatchObject({ body: 'email\nx' });
  expect(server.asked[0]?.headers.get('Content-Type')).toBe('text/csv');
  expect(server.asked[0]?.query.get('dry_run')).toBe('true');
  expect(answer).toMatchObject({ value: { isWritten: false, rows: [{}, { status: 'error' }] } });
});

it('names what the server found wrong', async () => {
  stubServer({ 'PATCH /user-mappings/u1': problem(422, 'no', { monthly_limit: 'too much' }) });
  expect(await changeMember('u1', { monthly_limit: '9' })).toMatchObject({
    failure: { kind: 'invalid', fields: [{ field: 'monthly_limit', message: 'too much' }] },
  });
});
