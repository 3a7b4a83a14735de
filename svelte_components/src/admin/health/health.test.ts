import { fireEvent, screen, within } from '@testing-library/svelte';
import { beforeEach, expect, it } from 'vitest';
import { HOSTILE_NAME } from '../../testing/billing';
import { healthBody, stepBody, TROUBLED_HEALTH } from '../../testing/reseller';
import { showSection } from '../../testing/section';
import { problem, stubServer, type Routes } from '../../testing/server';
import HealthSection from './HealthSection.svelte';

let routes: Routes;

beforeEach(() => {
  routes = { 'GET /health': { body: healthBody() } };
});

const click = async (name: string) => fireEvent.click(await screen.findByRole('button', { name }));

it('puts the checks that are not well first, with what to do', async () => {
  // A meter that is down answers 503, and still says why.
  stubServer({ 'GET /health': { status: 503, body: TROUBLED_HEALTH } });
  const { baseElement } = showSection(HealthSection);
  expect(await screen.findByText('2 checks are not well', { exact: false })).toBeVisible();
  const items = within(screen.getByRole('list', { name: 'Checks' })).getAllByRole('listitem');
  expect(items[0]).toHaveTextContent('down');
  expect(items[1]).toHaveTextContent('What to do: Switch on time synchronisation');
  expect(items[2]).toHaveTextContent('Database');
  expect(baseElement.querySelector('img')).toBeNull();
});

it('tells a meter that does not run, and tries again', async () => {
  const server = stubServer({ 'GET /health': problem(503, 'no database') });
  showSection(HealthSection);
  expect(await screen.findByText('no database')).toBeVisible();
  server.routes['GET /health'] = { body: healthBody() };
  await click('Try again');
  expect(await screen.findByText('Everything is well')).toBeVisible();
});

it('shows jobs, the failed ones first', async () => {
  stubServer({ 'GET /health': { body: TROUBLED_HEALTH } });
  showSection(HealthSection, { tab: 'jobs' });
  const table = await screen.findByRole('table', { name: 'Jobs' });
  const rows = within(table).getAllByRole('row');
  expect(rows[1]).toHaveTextContent(/keys.*failed/);
  expect(rows[1]).toHaveTextContent(HOSTILE_NAME.trim());
  expect(rows[2]).toHaveTextContent(/rates.*overdue/);
});

it('says what a test call costs before it makes one', async () => {
  const server = stubServer({
    ...routes,
    'POST /debug/self-test': ({ body }) => ({
      body: (body as { confirm: boolean }).confirm
        ? {
            status: 'failed',
            message: '',
            model: 'm',
            most: null,
            cost: '0.00012',
            steps: [stepBody({ status: 'failed', advice: 'try another model' })],
          }
        : { status: 'unconfirmed', message: '', model: 'm', most: '0.01', cost: null, steps: [] },
    }),
  });
  showSection(HealthSection, { tab: 'tests' });
  await click('Start the test');
  expect(await screen.findByText('This costs at most about $0.01')).toBeVisible();
  await click('Make the call');
  expect(await screen.findByText('The call did not get through')).toBeVisible();
  expect(screen.getByText('It cost $0.000120.')).toBeVisible();
  expect(screen.getByRole('list', { name: 'Test call' })).toHaveTextContent(
    'What to do: Try another model',
  );
  expect(server.of('POST /debug/self-test').map(({ body }) => body)).toEqual([
    { target: 'openrouter', confirm: false },
    { target: 'openrouter', confirm: true },
  ]);
});

it('tries the connection and validates all figures', async () => {
  stubServer({
    ...routes,
    'POST /debug/openrouter': { body: { status: 'ok', steps: [stepBody({ name: 'models' })] } },
    'POST /debug/validate': {
      body: {
        status: 'failed',
        organizations: 1,
        days: 3,
        day_differences: [
          {
            client_id: 'acme',
            date: '2026-11-20',
            where: 'sealed day',
            place: [],
            stored: { requests: 3, tokens: 9 },
            recomputed: { requests: 4, tokens: 9 },
          },
        ],
        month_differences: [],
        is_cut: false,
      },
    },
  });
  showSection(HealthSection, { tab: 'tests' });
  await click('Try the connection');
  expect(await screen.findByText('OpenRouter can be reached and accepts the key')).toBeVisible();
  await click('Validate');
  const list = await screen.findByRole('list', { name: 'Differences' });
  expect(list).toHaveTextContent('Sealed day: requests 3 ≠ 4');
  expect(list).not.toHaveTextContent('tokens');
});

it('explains a call by its id, which stays in the address', async () => {
  const server = stubServer({
    ...routes,
    'GET /debug/generations/gen%2F1': {
      body: {
        id: 'gen/1',
        client_id: 'acme',
        client_name: 'Acme',
        date: '2026-11-24',
        sentences: ['it is settled'],
        hold: { state: 'settled' },
        entries: [],
        price_rule: null,
        live_counter: null,
        sealed_day: null,
        month: null,
        reconciliation: null,
        broadcast: null,
        audit: [],
      },
    },
  });
  const { place } = showSection(HealthSection, { tab: 'explain' });
  const field = await screen.findByRole('textbox', { name: 'Id of a generation or a hold' });
  await fireEvent.input(field, { target: { value: ' gen/1 ' } });
  await click('Explain');
  expect(await screen.findByText('It is settled')).toBeVisible();
  expect(place.params.generation).toBe('gen/1');
  await click('Acme');
  expect(place.go).toHaveBeenCalledWith('organizations', { client: 'acme' });
  expect(server.of('GET /debug/generations/gen%2F1')).toHaveLength(1);
});

it('says that nobody knows an id', async () => {
  stubServer(routes);
  showSection(HealthSection, { generation: 'gen-0' });
  expect(await screen.findByText('none')).toBeVisible();
});
