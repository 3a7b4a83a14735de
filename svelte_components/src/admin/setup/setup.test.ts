import { fireEvent, screen, waitFor } from '@testing-library/svelte';
import { beforeEach, expect, it } from 'vitest';
import { entryBody, HOSTILE_NAME, pageBody } from '../../testing/billing';
import { COMPLETE_SETUP, settingsBody, setupBody, stepBody } from '../../testing/reseller';
import { showSection } from '../../testing/section';
import { problem, stubServer, type Routes } from '../../testing/server';
import SetupSection from './SetupSection.svelte';

let routes: Routes;

beforeEach(() => {
  routes = {
    'GET /setup': { body: setupBody() },
    'GET /settings': { body: settingsBody({ timezone: 'Europe/Warsaw' }) },
    'GET /clients': { body: pageBody('clients', [entryBody()]) },
    'POST /settings': { body: settingsBody() },
  };
});

const button = (name: string | RegExp) => screen.findByRole('button', { name });
const click = async (name: string | RegExp) => fireEvent.click(await button(name));
const write = (name: string, value: string) =>
  fireEvent.input(screen.getByLabelText(new RegExp(`^${name}`)), { target: { value } });

it('opens the first step that is left, and any other on demand', async () => {
  routes['GET /setup'] = { body: setupBody('provisioning_key') };
  stubServer(routes);
  const { place } = showSection(SetupSection);
  expect(await button(/^Markup and currency/)).toHaveAttribute('aria-expanded', 'true');
  expect(await button(/^Connect OpenRouter/)).toHaveAttribute('aria-expanded', 'false');
  await click('Skip for now');
  expect(place.params.step).toBe('organization');
  await click(/^Connect OpenRouter/);
  expect(place.params.step).toBe('provisioning_key');
});

it('saves the key, asks the server whether it works, and goes on', async () => {
  const server = stubServer(routes);
  showSection(SetupSection);
  await button('Save and check');
  await write('Provisioning key', ' sk-or-v1-new ');
  server.routes['GET /setup'] = { body: setupBody('provisioning_key') };
  await click('Save and check');
  const next = await button(/^Markup and currency/);
  await waitFor(() => expect(next).toHaveAttribute('aria-expanded', 'true'));
  expect(server.of('POST /settings')[0]?.body).toEqual({
    openrouter_provisioning_key: 'sk-or-v1-new',
  });
});

it('says at the field why a key cannot be used', async () => {
  routes['POST /settings'] = problem(422, 'no', { openrouter_provisioning_key: 'This is no key.' });
  stubServer(routes);
  showSection(SetupSection);
  await button('Save and check');
  await write('Provisioning key', 'x');
  await click('Save and check');
  expect(await screen.findByText('This is no key.')).toBeVisible();
  expect(screen.getByLabelText(/^Provisioning key/)).toHaveValue('x');
});

it('sends prices as exact texts', async () => {
  const server = stubServer(routes);
  showSection(SetupSection, { step: 'pricing' });
  await button('Save');
  await write('Markup', '1,25');
  expect(screen.getByText('$1.00 at OpenRouter is billed as $1.25.')).toBeVisible();
  await write('Billing currency', 'pln');
  await click('Save');
  await waitFor(() =>
    expect(server.of('POST /settings')[0]?.body).toEqual({
      default_markup_rate: '1.25',
      billing_currency: 'PLN',
      timezone: 'Europe/Warsaw',
    }),
  );
});

it('makes an organization, and offers it for the first members', async () => {
  const made = { ...entryBody({ id: 'new', name: 'New' }) };
  const server = stubServer({
    ...routes,
    'POST /clients': { body: { success: true, message: '', client: made } },
    'GET /user-mappings/candidates': {
      body: pageBody('candidates', [
        {
          user_id: 'u-1',
          name: HOSTILE_NAME,
          email: 'u@x.y',
          client_name: null,
          is_assigned: false,
        },
      ]),
    },
    'POST /user-mappings/bulk': { body: { is_written: true, rows: [] } },
  });
  const { place, baseElement } = showSection(SetupSection, { step: 'organization' });
  await button('Create the organization');
  await write('Name', 'New');
  server.routes['GET /clients'] = { body: pageBody('clients', [entryBody(), made]) };
  server.routes['GET /setup'] = {
    body: setupBody('provisioning_key', 'pricing', 'organization'),
  };
  await click('Create the organization');
  await waitFor(() => expect(place.params.client).toBe('new'));
  expect(server.of('POST /clients')[0]?.body).toEqual({
    name: 'New',
    timezone: 'Europe/Warsaw',
    monthly_limit: null,
  });
  await fireEvent.click(await screen.findByRole('checkbox'));
  await fireEvent.change(screen.getByRole('combobox', { name: /^Role of/ }), {
    target: { value: 'manager' },
  });
  await click('Add 1 person');
  await waitFor(() =>
    expect(server.of('POST /user-mappings/bulk')[0]?.body).toEqual([
      { user_id: 'u-1', client_org_id: 'new', role: 'manager' },
    ]),
  );
  expect(baseElement.querySelector('img')).toBeNull();
});

it('makes the test call and says when all is done', async () => {
  routes['GET /setup'] = {
    body: setupBody('provisioning_key', 'pricing', 'organization', 'members'),
  };
  const server = stubServer({
    ...routes,
    'POST /debug/self-test': ({ body }) => ({
      body: {
        message: '',
        model: 'm',
        most: '0.01',
        cost: '0.001',
        status: (body as { confirm: boolean }).confirm ? 'ok' : 'unconfirmed',
        steps: [stepBody()],
      },
    }),
  });
  const { place } = showSection(SetupSection);
  await click('Start the test');
  server.routes['GET /setup'] = { body: COMPLETE_SETUP };
  await click('Make the call');
  expect(await screen.findByText('All set')).toBeVisible();
  await click('To the overview');
  expect(place.go).toHaveBeenCalledWith('home');
});
