import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { get } from 'svelte/store';
import { beforeEach, expect, it, vi } from 'vitest';
import { violationsIn } from '../../../testing/axe';
import {
  HOSTILE_NAME,
  organizationBody,
  pageBody,
  summaryBody,
} from '../../../testing/organizations';
import { showSection } from '../../../testing/section';
import { problem, stubServer, type Routes } from '../../../testing/server';
import OrganizationsSection from '../OrganizationsSection.svelte';

const OTHER = summaryBody({
  client_id: 'evil',
  client_name: HOSTILE_NAME,
  monthly_limit: null,
  used_percent: null,
  key: { state: 'problem', label: null, problem: 'OpenRouter does not know it' },
});

// A whole section takes a moment to be drawn in jsdom.
vi.setConfig({ testTimeout: 30_000 });

let routes: Routes;

beforeEach(() => {
  routes = {
    'GET /usage/by-client': { body: pageBody([summaryBody(), OTHER]) },
    'GET /clients/acme': { body: { client: organizationBody() } },
    'GET /settings': problem(503, 'away'),
  };
});

const show = (params: Record<string, string> = {}) => showSection(OrganizationsSection, params);
const button = (name: string | RegExp) => screen.findByRole('button', { name });

it('lists organizations with their month, and takes no name for HTML', async () => {
  stubServer(routes);
  const { container } = show();
  const row = await screen.findByRole('row', { name: /^Acme/ });
  expect(row).toHaveTextContent('$412.50');
  expect(row).toHaveTextContent('82.5% of $500.00');
  expect(row).toHaveTextContent('$95.19');
  expect(within(row).getByRole('meter')).toHaveAccessibleName('Limit of Acme');
  expect(screen.getByRole('row', { name: /img src=x/ })).toHaveTextContent('No limit');
  expect(container.querySelector('img')).toBeNull();
  expect(await violationsIn(container)).toEqual([]);
});

it('leads to the first organization where there is none', async () => {
  stubServer({ ...routes, 'GET /usage/by-client': { body: pageBody([]) } });
  const { place } = show();
  await fireEvent.click(await button('Create the first organization'));
  expect(place.params).toEqual({ new: '1' });
  expect(screen.getByRole('dialog', { name: 'New organization' })).toBeVisible();
});

it('says why the list did not come, and tries again', async () => {
  const server = stubServer({ ...routes, 'GET /usage/by-client': problem(503, 'away') });
  show();
  const again = await button('Try again');
  server.routes['GET /usage/by-client'] = { body: pageBody([summaryBody()]) };
  await fireEvent.click(again);
  expect(await screen.findByRole('row', { name: /^Acme/ })).toBeVisible();
});

it('puts what is looked for, the order and the status into the address, and asks the server', async () => {
  const server = stubServer(routes);
  const { place } = show({ offset: '25' });
  await screen.findByRole('row', { name: /^Acme/ });
  await fireEvent.click(screen.getByRole('button', { name: /^Profit/ }));
  await fireEvent.click(screen.getByRole('radio', { name: 'All' }));
  const search = screen.getByRole('searchbox', { name: 'Search organizations' });
  await fireEvent.input(search, { target: { value: 'ac' } });
  await fireEvent.keyDown(search, { key: 'Enter' });
  expect(place.params).toEqual({ sort: '-profit', status: 'all', q: 'ac' });
  await waitFor(() => {
    const last = server.of('GET /usage/by-client').at(-1);
    expect(Object.fromEntries(last?.query ?? [])).toMatchObject({ sort: '-profit', search: 'ac' });
  });
});

it('deactivates after saying what it means, and takes it back', async () => {
  const client = organizationBody({ is_active: false });
  const server = stubServer({
    ...routes,
    'DELETE /clients/acme': { body: { client } },
    'PATCH /clients/acme': { body: { client: organizationBody() } },
  });
  const { said, toasts } = show();
  await fireEvent.click(await button('Actions for Acme'));
  await fireEvent.click(screen.getByRole('menuitem', { name: 'Deactivate' }));
  const question = screen.getByRole('alertdialog', { name: 'Deactivate Acme?' });
  expect(question).toHaveTextContent('Its 12 members are refused');
  await fireEvent.click(within(question).getByRole('button', { name: 'Deactivate' }));
  await waitFor(() => expect(said()).toEqual(['Acme was deactivated.']));
  expect(server.of('DELETE /clients/acme')).toHaveLength(1);
  get(toasts.shown)[0]?.action?.run();
  await waitFor(() => expect(said()).toContain('Acme is active again.'));
  expect(server.of('PATCH /clients/acme')[0]?.body).toEqual({ is_active: true });
});
