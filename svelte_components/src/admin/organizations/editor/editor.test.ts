import { fireEvent, screen, waitFor } from '@testing-library/svelte';
import { beforeEach, expect, it, vi } from 'vitest';
import { organizationBody, pageBody, reportBody } from '../../../testing/organizations';
import { settingsBody } from '../../../testing/reseller';
import { showSection } from '../../../testing/section';
import { problem, stubServer, type Routes } from '../../../testing/server';
import OrganizationsSection from '../OrganizationsSection.svelte';

// A whole section with a form in it takes a moment to be drawn in jsdom.
vi.setConfig({ testTimeout: 30_000 });

let routes: Routes;

beforeEach(() => {
  routes = {
    'GET /usage/by-client': { body: pageBody([]) },
    'GET /clients/acme': { body: { client: organizationBody() } },
    'GET /usage/report': ({ query }) => ({
      body: reportBody(query.get('group_by') as 'day', ['2026-11-24']),
    }),
    'GET /limits/events': { body: { events: [], total: 0 } },
    'GET /settings': { body: settingsBody() },
  };
});

const show = (params: Record<string, string>) => showSection(OrganizationsSection, params);
const press = async (name: string) => fireEvent.click(await screen.findByText(name));
const field = (name: string | RegExp) => screen.getByLabelText(name, { selector: 'input' });
const write = (name: string | RegExp, value: string) =>
  fireEvent.input(field(name), { target: { value } });

it('makes an organization: the slug follows the name, and what is wrong stands at its field', async () => {
  const refusal = problem(409, 'taken', { slug: 'another organization has it' });
  const server = stubServer({ ...routes, 'POST /clients': refusal });
  const { place, said } = show({ new: '1' });
  await press('Create organization');
  const name = field('Name (required)');
  expect(name).toHaveAccessibleDescription(/Give the organization a name/);
  expect(name).toHaveFocus();
  expect(server.of('POST /clients')).toHaveLength(0);

  await write('Name (required)', 'Łódź & Syn');
  expect(field('Time zone')).toHaveAttribute('placeholder', 'UTC');
  expect(field('Slug')).toHaveValue('lodz-syn');
  await write('Monthly limit', '1,234.50');
  await press('Create organization');
  await waitFor(() =>
    expect(field('Slug')).toHaveAccessibleDescription(/another organization has it/),
  );
  expect(server.of('POST /clients')[0]?.body).toEqual({
    name: 'Łódź & Syn',
    slug: 'lodz-syn',
    monthly_limit: '1234.5',
    provision_key: true,
  });

  server.routes['POST /clients'] = { status: 201, body: { client: organizationBody() } };
  await press('Create organization');
  await waitFor(() => expect(place.params).toEqual({ client: 'acme', tab: 'members' }));
  expect(said()).toEqual(['Acme was created. Add its members next.']);
});

it('explains a loss before it is allowed', async () => {
  const server = stubServer(routes);
  show({ new: '1' });
  await screen.findByText('Create organization');
  await write('Name (required)', 'Acme');
  await write('Markup', '0.9');
  await press('Create organization');
  expect(field('Markup')).toBeInvalid();
  expect(server.of('POST /clients')).toHaveLength(0);
  await fireEvent.click(field('Allow a loss'));
  await press('Create organization');
  await waitFor(() =>
    expect(server.of('POST /clients')[0]?.body).toMatchObject({
      markup_rate: '0.9',
      allow_loss: true,
    }),
  );
});

it('asks before it throws away what was written', async () => {
  stubServer(routes);
  const { place } = show({ new: '1' });
  await screen.findByText('Create organization');
  await write('Name (required)', 'Acme');
  await fireEvent.click(screen.getByLabelText('Close'));
  expect(place.params).toEqual({ new: '1' });
  await press('Discard changes');
  await waitFor(() => expect(place.params).toEqual({}));
});

it('changes only what was touched, and keeps what is there until the server has spoken', async () => {
  let answer: (reply: { body: unknown }) => void = () => undefined;
  const reply = new Promise<{ body: unknown }>((resolve) => (answer = resolve));
  const server = stubServer({ ...routes, 'PATCH /clients/acme': () => reply });
  const { said } = show({ client: 'acme', tab: 'key' });
  await press('Edit');
  await write('Name (required)', 'Acme & Daughters');
  await press('Save');
  // It is shown at once, while the answer is on its way.
  expect(await screen.findByRole('heading', { name: 'Acme & Daughters' })).toBeVisible();
  expect(server.of('PATCH /clients/acme')[0]).toMatchObject({ body: { name: 'Acme & Daughters' } });
  expect(server.of('PATCH /clients/acme')[0]?.headers.get('If-Match')).toBe('"3"');
  answer({ body: { client: organizationBody({ name: 'Acme & Daughters', version: 4 }) } });
  await waitFor(() => expect(said()).toEqual(['Acme & Daughters was saved.']));
});

it('takes a refused change back, and leaves what was written in the form', async () => {
  const refusal = problem(422, 'no', { name: 'name has a bad word' });
  stubServer({ ...routes, 'PATCH /clients/acme': refusal });
  show({ client: 'acme', tab: 'key' });
  await press('Edit');
  await write('Name (required)', 'Rude');
  await press('Save');
  await waitFor(() => expect(field('Name (required)')).toHaveAccessibleDescription(/a bad word/));
  expect(field('Name (required)')).toHaveValue('Rude');
  expect(screen.getByTitle('Acme')).toBeVisible();
});

it('shows what somebody else changed, and writes nothing over it', async () => {
  let version = 3;
  const server = stubServer({
    ...routes,
    'GET /clients/acme': () => ({
      body: {
        client:
          version === 3
            ? organizationBody()
            : organizationBody({ version, monthly_limit: '900', name: 'Theirs' }),
      },
    }),
    'PATCH /clients/acme': ({ headers }) =>
      headers.get('If-Match') === `"${version}"`
        ? { body: { client: organizationBody({ version: version + 1 }) } }
        : problem(412, 'it has version 4'),
  });
  show({ client: 'acme', tab: 'key' });
  await press('Edit');
  await write('Name (required)', 'Mine');
  version = 4;
  await press('Save');
  const notice = await screen.findByText(/Somebody else saved this organization/);
  expect(notice.closest('.notice')).toHaveTextContent(/Name Acme → Theirs/);
  expect(notice.closest('.notice')).toHaveTextContent(/Monthly limit 500 → 900/);

  const keep = screen.getByRole('button', { name: 'Take this over, keep my changes' });
  await waitFor(() => expect(keep).toHaveFocus());
  await fireEvent.click(keep);
  expect(field('Monthly limit')).toHaveValue('900');
  expect(field('Name (required)')).toHaveValue('Mine');
  await press('Save');
  await waitFor(() => expect(server.of('PATCH /clients/acme')).toHaveLength(2));
  expect(server.of('PATCH /clients/acme')[1]?.body).toEqual({ name: 'Mine' });
});

it('adds and removes contacts', async () => {
  const server = stubServer({
    ...routes,
    'PATCH /clients/acme': { body: { client: organizationBody({ version: 4 }) } },
  });
  show({ client: 'acme', tab: 'key' });
  await press('Edit');
  await press('Add a contact');
  const [, added] = screen.getAllByLabelText('Phone', { selector: 'input' });
  await fireEvent.input(added as HTMLElement, { target: { value: '+48 1' } });
  await fireEvent.click(screen.getByLabelText('Remove the contact Anna'));
  await press('Save');
  await waitFor(() =>
    expect(server.of('PATCH /clients/acme')[0]?.body).toEqual({ contacts: [{ phone: '+48 1' }] }),
  );
});
