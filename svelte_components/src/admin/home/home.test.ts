import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it } from 'vitest';
import { readRevenue } from '../../client/home';
import { HOSTILE_NAME, pageBody } from '../../testing/billing';
import {
  activityBody,
  OVERVIEW_ROUTES,
  revenueBody,
  summaryBody,
  TROUBLED_HEALTH,
} from '../../testing/reseller';
import { showSection } from '../../testing/section';
import { problem, stubServer, type Routes } from '../../testing/server';
import HomeSection from './HomeSection.svelte';
import { groupingOf, wholeLines } from './revenue';

let routes: Routes;

beforeEach(() => {
  routes = { ...OVERVIEW_ROUTES };
});

describe('what needs attention', () => {
  it('is a list of ways to the places', async () => {
    stubServer({
      ...routes,
      'GET /health': { status: 503, body: TROUBLED_HEALTH },
      'GET /alerts': { body: { ...pageBody('alerts', [{ kind: 'limit.reached' }]), total: 3 } },
      'GET /usage/by-client': {
        body: pageBody('clients', [
          { client_id: 'a', client_name: HOSTILE_NAME, used_percent: '104.5' },
          { client_id: 'b', client_name: 'Below', used_percent: '79.99' },
          { client_id: 'c', client_name: 'Free', used_percent: null },
        ]),
      },
      'GET /keys': {
        body: pageBody('keys', [
          { client_id: 'k', client_name: 'Kiwi', key: { state: 'lost', problem: null } },
          { client_id: 'l', client_name: 'Well', key: { state: 'active', problem: null } },
        ]),
      },
      'GET /reconciliations': { body: { ...pageBody('reconciliations', []), total: 1 } },
    });
    const { place } = showSection(HomeSection);
    const list = await screen.findByRole('list', { name: 'Needs attention' });
    const told = [...list.children].map((item) => item.textContent?.trim());
    expect(told).toEqual([
      '2 health checks are not well',
      '3 open alerts',
      'Kiwi: the OpenRouter key does not work',
      `${HOSTILE_NAME} has reached its monthly limit (104.5%)`,
      '1 call has no price yet',
      '1 day of a key differs from OpenRouter’s figures',
    ]);
    await fireEvent.click(within(list).getByRole('button', { name: /Kiwi/ }));
    expect(place.go).toHaveBeenCalledWith('organizations', { client: 'k', tab: 'key' });
  });

  it('does not say that all is well where it could not look', async () => {
    stubServer({ ...routes, 'GET /keys': problem(500, 'broken') });
    showSection(HomeSection);
    expect(await screen.findByText('broken')).toBeVisible();
    expect(screen.queryByText('Nothing needs attention right now')).toBeNull();
  });
});

describe('the money', () => {
  it('shows the month with its forecast and the days of the range', async () => {
    const server = stubServer(routes);
    showSection(HomeSection);
    expect(await screen.findByText('$45.00 to $55.00')).toBeVisible();
    const table = await screen.findByRole('table', { hidden: true });
    expect(within(table).getAllByRole('row', { hidden: true })[1]).toHaveTextContent(
      'Total$39.00$10.00$3.00',
    );
    expect(Object.fromEntries(server.of('GET /usage/revenue')[0]?.query ?? [])).toEqual({
      from: '2026-10-26',
      to: '2026-11-24',
      group_by: 'day',
      compare: 'previous',
    });
  });

  it('asks for the period before only where it is compared', async () => {
    const server = stubServer(routes);
    const { place } = showSection(HomeSection);
    await fireEvent.click(
      await screen.findByRole('checkbox', { name: 'Compare with the period before' }),
    );
    expect(place.params.compare).toBe('previous');
    await waitFor(() =>
      expect(server.of('GET /usage/revenue').at(-1)?.query.get('from')).toBe('2026-09-26'),
    );
    expect(await screen.findByText('before: $20.00')).toBeVisible();
  });

  it('leads from a client to its page, whatever it is called', async () => {
    stubServer(routes);
    const { place, baseElement } = showSection(HomeSection);
    const top = await screen.findByRole('button', { name: /^Acme/ });
    await fireEvent.click(top);
    expect(place.go).toHaveBeenCalledWith('organizations', { client: 'acme' });
    expect(baseElement.querySelector('img')).toBeNull();
  });

  it('leads to the guide where nothing was ever used', async () => {
    const nothing = { ...revenueBody(), lines: [], comparison: null };
    const { totals } = revenueBody() as { totals: object };
    stubServer({
      ...routes,
      'GET /usage/revenue': { body: { ...nothing, totals: { ...totals, requests: 0 } } },
      'GET /usage/summary': {
        body: summaryBody({
          summary: { ...(summaryBody().summary as object), total_requests: 0 },
          clients: [],
          total: 0,
        }),
      },
      'GET /usage/activity': { body: activityBody([]) },
    });
    const { place } = showSection(HomeSection);
    await fireEvent.click(await screen.findByRole('button', { name: 'Open the guide' }));
    expect(place.go).toHaveBeenCalledWith('setup');
  });
});

it.each([
  ['2026-11-01', '2026-11-30', 'day'],
  ['2026-08-01', '2026-11-30', 'week'],
  ['2026-01-01', '2026-11-30', 'month'],
] as const)('draws %s to %s by %s', (from, to, grouping) => {
  expect(groupingOf({ from, to })).toBe(grouping);
});

it.each([
  ['day', '2026-12-30', '2027-01-02', ['2026-12-30', '2026-12-31', '2027-01-01', '2027-01-02']],
  ['week', '2026-12-21', '2027-01-05', ['2026-W52', '2026-W53', '2027-W01']],
  ['month', '2026-12-30', '2027-01-02', ['2026-12', '2027-01']],
] as const)('leaves no %s out, used or not', (grouping, from, to, names) => {
  const [line] = revenueBody().lines as object[];
  const lines = [{ ...line, period: names[1] }];
  const revenue = readRevenue(revenueBody({ period: { from, to, days: 4 }, lines }));
  const whole = wholeLines(revenue, grouping);
  expect(whole.map(({ period }) => period)).toEqual(names);
  expect(whole.map(({ revenue }) => revenue).slice(0, 2)).toEqual(['0', '13']);
});
