import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it } from 'vitest';
import { readReconciliation } from '../../client/reconciliation';
import { entryBody, HOSTILE_NAME, pageBody } from '../../testing/billing';
import {
  broadcastBody,
  COMPARISONS,
  comparisonBody,
  counterBody,
  UNEXPLAINED,
} from '../../testing/reconciliation';
import { showSection } from '../../testing/section';
import { problem, stubServer, type Routes } from '../../testing/server';
import { renderStory } from '../../testing/story';
import { captureByDay, rateOf } from './capture';
import ReconciliationSection from './ReconciliationSection.svelte';
import { stories } from './stories';

let routes: Routes;

beforeEach(() => {
  const page = pageBody('reconciliations', COMPARISONS);
  routes = {
    'GET /reconciliations': { body: { ...page, problems: [] } },
    'GET /reconciliations/keys': { body: pageBody('counters', [counterBody()]) },
    'GET /broadcast': { body: pageBody('broadcasts', [broadcastBody()]) },
    'GET /clients': { body: pageBody('clients', [entryBody()]) },
  };
});

const click = async (name: string | RegExp) =>
  fireEvent.click(await screen.findByRole('button', { name }));

describe('the capture rate', () => {
  it.each([
    ['10', '10', '100.0000'],
    ['9.9999999', '10', '99.9999'],
    ['0', '10', '0.0000'],
    ['12', '10', '100.0000'],
    ['0.5', '100', '0.5000'],
    ['0', '0', null],
  ])('of %s in %s is %s: never more than it is', (captured, provider, rate) => {
    expect(rateOf(captured, provider)).toBe(rate);
  });

  it('adds up the keys of a day and keeps days in order', () => {
    const days = captureByDay(COMPARISONS.map(readReconciliation));
    expect(days.map(({ date }) => date.slice(-2))).toEqual(['19', '20', '21', '22']);
    expect(days.at(-1)).toMatchObject({ captured: '13.5', provider: '13.5', rate: '100.0000' });
    expect(days[2]).toMatchObject({ unexplained: 1, waiting: 0 });
  });

  it('is drawn with its numbers as a table', () => {
    renderStory(stories, 'admin/reconciliation/chart/month');
    const table = screen.getByRole('table', { name: 'Capture rate by UTC day', hidden: true });
    expect(within(table).getAllByRole('row', { hidden: true })).toHaveLength(31);
    expect(table).toHaveTextContent('99.7%');
  });
});

describe('days', () => {
  it('says of each finding what to do', async () => {
    stubServer(routes);
    const { place } = showSection(ReconciliationSection);
    const table = await screen.findByRole('table', { name: /Findings by day/ });
    expect(await within(table).findByText('A key of no organization')).toBeVisible();
    place.update({ line: `${UNEXPLAINED.date} ${UNEXPLAINED.key_hash}` });
    const sheet = await screen.findByRole('dialog');
    expect(sheet).toHaveTextContent(/differ and nothing was booked.*OpenRouter shows less/s);
    expect(within(sheet).getByRole('table')).toHaveTextContent(/gpt-4o-mini.*12 \/ 10/s);
  });

  it('compares a day now, and says what came of it', async () => {
    const run = { date: '2026-11-22', is_final: true, reconciliations: [comparisonBody()] };
    const server = stubServer({
      ...routes,
      'POST /reconciliations/run': problem(422, 'no', { date: 'a completed UTC day' }),
    });
    const { said } = showSection(ReconciliationSection);
    await click('Compare a day now');
    const question = await screen.findByRole('alertdialog');
    await fireEvent.input(within(question).getByLabelText(/^Day/), {
      target: { value: '2026-11-22' },
    });
    await fireEvent.click(within(question).getByRole('button', { name: 'Compare' }));
    expect(await within(question).findByText('a completed UTC day')).toBeVisible();
    server.routes['POST /reconciliations/run'] = { body: run };
    await fireEvent.click(within(question).getByRole('button', { name: 'Compare' }));
    await waitFor(() => expect(said()).toEqual(['Nov 22: 1 key compared, the day is final']));
    expect(server.of('POST /reconciliations/run')[0]?.body).toEqual({ date: '2026-11-22' });
  });

  it('asks for what the address says', async () => {
    const server = stubServer(routes);
    showSection(ReconciliationSection, {
      status: 'waiting',
      below: 'yes',
      client: 'acme',
      range: 'custom',
      from: '2026-01-01',
      to: '2026-01-09',
    });
    await screen.findByRole('table', { name: /Findings by day/ });
    expect(Object.fromEntries(server.of('GET /reconciliations')[0]?.query ?? [])).toMatchObject({
      status: 'waiting',
      is_below: 'true',
      client_id: 'acme',
      from: '2026-01-01',
      to: '2026-01-09',
    });
  });

  it('tells what is missing where nothing was compared, and what failed', async () => {
    const problems = [{ date: '2026-11-20', problem: 'OpenRouter answered 502' }];
    routes['GET /reconciliations'] = {
      body: { ...pageBody('reconciliations', []), problems },
    };
    stubServer(routes);
    const { place } = showSection(ReconciliationSection);
    expect(await screen.findByText('OpenRouter answered 502')).toBeVisible();
    await click('Go to settings');
    expect(place.go).toHaveBeenCalledWith('settings');
  });

  it('shows names as text', () => {
    renderStory(stories, 'admin/reconciliation/table/hostile-name');
    expect(screen.getByText(HOSTILE_NAME.trim())).toBeVisible();
    expect(document.querySelector('img')).toBeNull();
  });
});

it('shows what each key has used', async () => {
  stubServer(routes);
  showSection(ReconciliationSection, { tab: 'keys' });
  const table = await screen.findByRole('table', { name: 'Keys' });
  expect(table).toHaveTextContent(/\$812\.44.*\$12\.50/s);
});

it('leads from a call OpenRouter told of to its way through the meter', async () => {
  stubServer(routes);
  const { place } = showSection(ReconciliationSection, { tab: 'broadcast' });
  const table = await screen.findByRole('table', { name: 'Broadcast' });
  expect(table).toHaveTextContent('The ledger lacked it; it was booked.');
  await fireEvent.click(within(table).getByRole('button'));
  expect(place.go).toHaveBeenCalledWith('health', { generation: 'gen-1763976000-abc' });
});
