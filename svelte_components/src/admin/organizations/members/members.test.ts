import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { get } from 'svelte/store';
import { beforeEach, expect, it, vi } from 'vitest';
import {
  HOSTILE_NAME,
  mappingBody,
  memberBody,
  organizationBody,
} from '../../../testing/organizations';
import { showSection } from '../../../testing/section';
import { problem, stubServer, type Routes } from '../../../testing/server';
import OrganizationsSection from '../OrganizationsSection.svelte';

// A whole section takes a moment to be drawn in jsdom.
vi.setConfig({ testTimeout: 30_000 });

const ANNA = mappingBody();
const LEAVING = mappingBody({
  user_id: 'u2',
  name: HOSTILE_NAME,
  valid_to: '2030-01-01T23:00:00Z',
});
const ORGANIZATIONS = {
  clients: [organizationBody(), organizationBody({ id: 'other', name: 'Other' })],
};

let routes: Routes;

beforeEach(() => {
  routes = {
    'GET /clients/acme': { body: { client: organizationBody() } },
    'GET /clients': { body: ORGANIZATIONS },
    'GET /user-mappings': { body: { mappings: [ANNA, LEAVING], total: 2 } },
    'GET /user-mappings/u1': { body: memberBody() },
  };
});

const show = () => showSection(OrganizationsSection, { client: 'acme', tab: 'members' });
const press = async (name: string) => fireEvent.click(await screen.findByText(name));
const choose = async (person: string, deed: string) => {
  await fireEvent.click(await screen.findByLabelText(`Actions for ${person}`));
  await fireEvent.click(screen.getByRole('menuitem', { name: deed }));
};

it('lists members with role, limit and since when, and who is about to leave', async () => {
  stubServer(routes);
  const { container } = show();
  const anna = (await screen.findByText('Anna Nowak')).closest('tr') as HTMLElement;
  expect(within(anna).getByLabelText('Role of Anna Nowak')).toHaveValue('member');
  expect(within(anna).getByLabelText('Own monthly limit of Anna Nowak')).toHaveValue('');
  expect(anna).toHaveTextContent('Sun, Feb 1, 2026');
  expect(screen.getByText(/leaves on Wed, Jan 2, 2030/)).toBeVisible();
  expect(container.querySelector('img')).toBeNull();
});

it('changes a role at once, and takes it back where the server refuses', async () => {
  const server = stubServer({ ...routes, 'PATCH /user-mappings/u1': problem(503, 'away') });
  const { said } = show();
  const role = await screen.findByLabelText('Role of Anna Nowak');
  await fireEvent.change(role, { target: { value: 'manager' } });
  await waitFor(() => expect(said()[0]).toMatch(/away/));
  expect(screen.getByLabelText('Role of Anna Nowak')).toHaveValue('member');
  expect(server.of('PATCH /user-mappings/u1')[0]?.body).toEqual({ role: 'manager' });

  server.routes['PATCH /user-mappings/u1'] = { body: memberBody({ role: 'manager' }) };
  await fireEvent.change(role, { target: { value: 'manager' } });
  expect(screen.getByLabelText('Role of Anna Nowak')).toHaveValue('manager');
});

it('saves a limit as it is typed, and nothing that is no amount', async () => {
  const server = stubServer({
    ...routes,
    'PATCH /user-mappings/u1': { body: memberBody({ monthly_limit: '1250.5' }) },
  });
  show();
  const limit = await screen.findByLabelText('Own monthly limit of Anna Nowak');
  await fireEvent.input(limit, { target: { value: 'lots' } });
  await fireEvent.blur(limit);
  expect(limit).toBeInvalid();
  await fireEvent.keyDown(limit, { key: 'Escape' });
  expect(limit).toHaveValue('');
  await fireEvent.input(limit, { target: { value: '1,250.50' } });
  await fireEvent.keyDown(limit, { key: 'Enter' });
  await waitFor(() => expect(limit).toHaveValue('1250.5'));
  expect(server.of('PATCH /user-mappings/u1').map(({ body }) => body)).toEqual([
    { monthly_limit: '1250.5' },
  ]);
});

it('removes a member and brings them back as they were', async () => {
  const server = stubServer({
    ...routes,
    'DELETE /user-mappings/u1': { body: memberBody({ client_org_id: 'default' }) },
    'POST /user-mappings': { status: 201, body: memberBody() },
  });
  const { said, toasts } = show();
  await choose('Anna Nowak', 'Remove');
  await waitFor(() => expect(said()).toEqual(['Anna Nowak was removed.']));
  expect(screen.queryByText('Anna Nowak')).toBeNull();
  get(toasts.shown)[0]?.action?.run();
  expect(await screen.findByText('Anna Nowak')).toBeVisible();
  expect(server.of('POST /user-mappings')[0]?.body).toEqual({
    user_id: 'u1',
    client_org_id: 'acme',
    role: 'member',
    monthly_limit: null,
  });
});

it('adds one of the host’s users, and says who is moved by it', async () => {
  const candidate = (more: object) => ({
    user_id: 'u3',
    name: 'Chen',
    email: 'chen@x.example',
    client_org_id: null,
    client_name: null,
    role: null,
    source: null,
    is_assigned: false,
    ...more,
  });
  const candidates = [
    candidate({}),
    candidate({
      user_id: 'u4',
      name: 'Dora',
      client_org_id: 'other',
      client_name: 'Other',
      is_assigned: true,
    }),
    candidate({ user_id: 'u1', name: 'Anna Nowak', client_org_id: 'acme', is_assigned: true }),
  ];
  const server = stubServer({
    ...routes,
    'GET /user-mappings/candidates': { body: { candidates, total: 3 } },
    'POST /user-mappings': { status: 201, body: memberBody({ user_id: 'u3' }) },
  });
  const { said } = show();
  await press('Add members');
  expect(await screen.findByText(/Now in Other; adding moves this person/)).toBeVisible();
  expect(screen.getByLabelText('Move Dora here')).toBeVisible();
  expect(screen.queryByLabelText('Add Anna Nowak')).toBeNull();
  await fireEvent.click(screen.getByLabelText('Manager'));
  await fireEvent.click(screen.getByLabelText('Add Chen'));
  await waitFor(() => expect(said()).toEqual(['Chen was added.']));
  expect(server.of('POST /user-mappings')[0]?.body).toEqual({
    user_id: 'u3',
    client_org_id: 'acme',
    role: 'manager',
  });
});

it('moves a member now, and back as they were', async () => {
  const server = stubServer({
    ...routes,
    'PATCH /user-mappings/u1': { body: memberBody({ client_org_id: 'other' }) },
    'POST /user-mappings': { status: 201, body: memberBody() },
  });
  const { said, toasts } = show();
  await choose('Anna Nowak', 'Move, history');
  await fireEvent.change(await screen.findByLabelText('To'), { target: { value: 'other' } });
  await press('Move');
  await waitFor(() => expect(said()).toEqual(['Anna Nowak was moved to Other.']));
  get(toasts.shown)[0]?.action?.run();
  await waitFor(() =>
    expect(server.of('POST /user-mappings')[0]?.body).toEqual({
      user_id: 'u1',
      client_org_id: 'acme',
      role: 'member',
      monthly_limit: null,
    }),
  );
});

it('plans a move from midnight where the organization is, and takes it back', async () => {
  const planned = mappingBody({
    client_org_id: 'other',
    valid_from: '2029-12-31T23:00:00Z',
    valid_to: null,
  });
  const server = stubServer({
    ...routes,
    'PATCH /user-mappings/u1': { body: memberBody() },
    'DELETE /user-mappings/u1/planned': { body: memberBody() },
  });
  const { said } = show();
  await choose('Anna Nowak', 'Move, history');
  await fireEvent.change(await screen.findByLabelText('To'), { target: { value: 'other' } });
  await fireEvent.click(screen.getByLabelText('On a day'));
  await press('Move');
  expect(server.of('PATCH /user-mappings/u1')).toHaveLength(0);
  expect(screen.getByLabelText('Day')).toBeInvalid();
  await fireEvent.input(screen.getByLabelText('Day'), { target: { value: '2030-01-01' } });
  await press('Move');
  await waitFor(() => expect(said()).toEqual(['Anna Nowak will move to Other.']));
  expect(server.of('PATCH /user-mappings/u1')[0]?.body).toEqual({
    client_org_id: 'other',
    effective_from: '2029-12-31T23:00:00.000Z',
  });

  server.routes['GET /user-mappings/u1'] = { body: memberBody({}, [planned]) };
  await choose('Anna Nowak', 'Move, history');
  expect(await screen.findByText(/A move is planned already/)).toBeVisible();
  await press('Take back');
  await waitFor(() => expect(screen.queryByText('Planned')).toBeNull());
  expect(server.of('DELETE /user-mappings/u1/planned')).toHaveLength(1);
});

it('judges a table row by row, and imports the good ones only if that is chosen', async () => {
  const message = 'email is "x"; expected the address of one user';
  const rows = [
    { number: 1, user_id: 'u3', status: 'created', errors: [] },
    { number: 2, user_id: null, status: 'error', errors: [{ field: 'email', message }] },
  ];
  const server = stubServer({
    ...routes,
    'POST /user-mappings/bulk': ({ query }) => ({
      body: { is_written: query.get('dry_run') !== 'true', rows },
    }),
  });
  const { said } = show();
  await press('Import');
  const csv = 'email,client_org_id\nchen@x,acme\n\nx,acme\n';
  await fireEvent.input(screen.getByLabelText('Or paste the rows'), { target: { value: csv } });
  await press('Check the rows');
  expect(await screen.findByText(message)).toBeVisible();
  expect(screen.getByText('Line 4')).toBeVisible();
  expect(screen.queryByText('Line 2')).toBeNull();
  await fireEvent.click(screen.getByLabelText('All rows'));
  expect(screen.getByText('Line 2')).toBeVisible();

  const write = screen.getByRole('button', { name: 'Import 1 row' });
  expect(write).toBeDisabled();
  await fireEvent.click(screen.getByLabelText(/Import the good row/));
  await fireEvent.click(write);
  await waitFor(() => expect(said()).toEqual(['1 row was imported.']));
  const [dry, wet] = server.of('POST /user-mappings/bulk');
  expect(Object.fromEntries(dry?.query ?? [])).toEqual({ dry_run: 'true' });
  expect(Object.fromEntries(wet?.query ?? [])).toEqual({ dry_run: 'false', partial: 'true' });
  expect(wet?.body).toBe(csv);
});

it('judges a file as soon as it is chosen, and refuses one that is too large', async () => {
  const rows = [{ number: 1, user_id: 'u3', status: 'created', errors: [] }];
  const server = stubServer({
    ...routes,
    'POST /user-mappings/bulk': { body: { is_written: false, rows } },
  });
  const { container } = show();
  await press('Import');
  const input = container.querySelector('input[type=file]') as HTMLInputElement;
  const chosen = (text: string) => {
    // jsdom's files cannot be read as text.
    const file = Object.assign(new File([text], 'members.csv'), { text: async () => text });
    return fireEvent.change(input, { target: { files: [file] } });
  };
  await chosen('x'.repeat(2_000_001));
  expect(screen.getByRole('alert')).toHaveTextContent('larger than 2 MB');
  expect(server.of('POST /user-mappings/bulk')).toHaveLength(0);
  await chosen('email,client_org_id\na@x,acme');
  expect(await screen.findByText('Import 1 row')).toBeVisible();
});

it('wants a changed table to be judged again', async () => {
  const rows = [{ number: 1, user_id: 'u3', status: 'created', errors: [] }];
  stubServer({ ...routes, 'POST /user-mappings/bulk': { body: { is_written: false, rows } } });
  show();
  await press('Import');
  const table = screen.getByLabelText('Or paste the rows');
  await fireEvent.input(table, { target: { value: 'email,client_org_id\na@x,acme' } });
  await press('Check the rows');
  expect(await screen.findByText('Import 1 row')).toBeVisible();
  await fireEvent.input(table, { target: { value: 'email,client_org_id\nb@x,acme' } });
  expect(screen.queryByText('Import 1 row')).toBeNull();
});
