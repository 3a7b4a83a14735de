import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it } from 'vitest';
import { readStatement } from '../../client/billing';
import {
  closedBody,
  entryBody,
  HOSTILE_NAME,
  lineBody,
  pageBody,
  PLN_RATE,
  rateBody,
  statementBody,
} from '../../testing/billing';
import { showSection } from '../../testing/section';
import { problem, stubServer, type Routes } from '../../testing/server';
import { renderStory } from '../../testing/story';
import BillingSection from './BillingSection.svelte';
import { daysOf, isMonth, latestMonth, monthAfter } from './months';
import { currenciesWithoutRate, netOf, standingOf } from './standing';
import { stories } from './stories';

const WAITING = statementBody({
  client_id: 'hooli',
  buyer: { name: 'Hooli', email: '' },
  obstacles: ['UTC days not compared with OpenRouter’s figures: 2026-10-31'],
});
const CLOSE = 'POST /clients/acme/statements/2026-10/close';

let routes: Routes;

function statements(drafts: unknown[], closed: unknown[] = []): Routes[string] {
  return ({ query }) => ({
    body: pageBody('statements', query.get('state') === 'draft' ? drafts : closed),
  });
}

beforeEach(() => {
  routes = {
    'GET /billing/statements': statements([statementBody(), WAITING], [closedBody()]),
    'GET /clients/acme/statements/2026-10/draft': { body: { statement: statementBody() } },
    'GET /clients/hooli/statements/2026-10/draft': { body: { statement: WAITING } },
    'GET /clients': { body: pageBody('clients', [entryBody({ billing_currency: 'PLN' })]) },
    'GET /billing/rates': { body: pageBody('rates', [rateBody({ source: 'manual' })]) },
  };
});

const show = (params: Record<string, string> = {}) =>
  showSection(BillingSection, { month: '2026-10', ...params });
const button = (name: string | RegExp) => screen.findByRole('button', { name });
const click = async (name: string | RegExp) => fireEvent.click(await button(name));

describe('months', () => {
  it('go over the ends of years', () => {
    expect(monthAfter('2026-12', 1)).toBe('2027-01');
    expect(monthAfter('2026-01', -1)).toBe('2025-12');
    expect(daysOf('2028-02')).toEqual({ from: '2028-02-01', to: '2028-02-29' });
    expect(isMonth('2026-13')).toBe(false);
  });

  it('begin where the first zone begins them', () => {
    expect(latestMonth(Date.UTC(2026, 10, 30, 12))).toBe('2026-12');
    expect(latestMonth(Date.UTC(2026, 10, 24))).toBe('2026-11');
  });
});

it('tells how statements stand, and adds them up to the last digit', () => {
  const [ready, waiting, closed] = [statementBody(), WAITING, closedBody()].map(readStatement);
  expect([ready, waiting, closed].map((one) => one && standingOf(one))).toEqual([
    'ready',
    'waiting',
    'closed',
  ]);
  const exact = ['0.1', '0.2', '0.000000000001'].map((net) =>
    readStatement(statementBody({ net })),
  );
  expect(netOf(exact)).toBe('0.300000000001');
  const lacking = readStatement(statementBody({ currency: 'CHF', total: null }));
  expect(currenciesWithoutRate([lacking, lacking])).toEqual(['CHF']);
});

describe('a month', () => {
  it('shows what it comes to, how each statement stands, and what is in the way', async () => {
    stubServer(routes);
    show();
    const table = await screen.findByRole('table', { name: 'Statements' });
    expect(within(table).getByText('MAI-2026-0007')).toBeVisible();
    expect(await within(table).findByText(/not compared with OpenRouter/)).toBeVisible();
    expect(within(table).getByText('$64.51')).toBeVisible();
  });

  it('tells which currency has no rate, and leads to entering one', async () => {
    const lacking = statementBody({ currency: 'CHF', total: null, obstacles: ['no rate'] });
    routes['GET /billing/statements'] = statements([lacking]);
    stubServer(routes);
    const { place } = show();
    expect(await screen.findByText('No rate of CHF is known')).toBeVisible();
    await click('Enter a rate');
    expect(place.params).toMatchObject({ tab: 'rates', currency: 'CHF', enter: 'yes' });
  });

  it('says what becomes immutable before one is closed, and shows its number then', async () => {
    const server = stubServer({
      ...routes,
      [CLOSE]: { status: 201, body: { statement: closedBody({ client_id: 'acme' }) } },
    });
    const { said } = show({ statement: 'acme' });
    const sheet = await screen.findByRole('dialog', { name: 'Acme' });
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Close the statement' }));
    const question = await screen.findByRole('alertdialog');
    expect(question).toHaveTextContent(/None of that can be changed afterwards/);
    await fireEvent.click(within(question).getByRole('button', { name: 'Close the statement' }));
    await waitFor(() => expect(said().join()).toContain('MAI-2026-0007'));
    expect(server.of(CLOSE)[0]?.body).toEqual({});
  });

  it('closes with a reason what waits for the comparison, and says where that is no help', async () => {
    const route = 'POST /clients/hooli/statements/2026-10/close';
    const server = stubServer({
      ...routes,
      [route]: problem(409, '2026-10 cannot be closed: 2 days of 2026-10 are not sealed yet'),
    });
    show({ statement: 'hooli' });
    await click('Close all the same…');
    const question = await screen.findByRole('alertdialog');
    const deed = within(question).getByRole('button', { name: 'Close without comparison' });
    await fireEvent.click(deed);
    expect(within(question).getByText('Give a reason')).toBeVisible();
    await fireEvent.input(within(question).getByRole('textbox'), { target: { value: 'agreed' } });
    await fireEvent.click(deed);
    expect(await within(question).findByText(/2 days of 2026-10 are not sealed yet/)).toBeVisible();
    expect(server.of(route)[0]?.body).toEqual({ force_reason: 'agreed' });
  });

  it('closes several one after the other, and says of each what became of it', async () => {
    const second = statementBody({ client_id: 'b', buyer: { name: 'Beta', email: '' } });
    routes['GET /billing/statements'] = statements([statementBody(), second]);
    stubServer({
      ...routes,
      [CLOSE]: problem(409, 'other statements of acme are being closed'),
      'POST /clients/b/statements/2026-10/close': {
        status: 201,
        body: { statement: closedBody({ client_id: 'b', number: 'MAI-2026-0008' }) },
      },
    });
    show();
    await click('Close 2 statements');
    const sheet = await screen.findByRole('dialog', { name: /Close statements of/ });
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Close 2 statements' }));
    expect(await within(sheet).findByText('MAI-2026-0008')).toBeVisible();
    expect(within(sheet).getByText(/other statements of acme/)).toBeVisible();
    expect(within(sheet).getByText('1 of 2 closed')).toBeVisible();
    expect(within(sheet).getByRole('button', { name: 'Done' })).toBeVisible();
  });

  it('offers to try again', async () => {
    const server = stubServer({
      ...routes,
      'GET /billing/statements': problem(503, 'the database is gone'),
    });
    show();
    expect(await screen.findByText('the database is gone')).toBeVisible();
    server.routes['GET /billing/statements'] = statements([]);
    await click('Try again');
    expect(await screen.findByText('Nothing to state')).toBeVisible();
  });
});

describe('a statement', () => {
  it('shows corrections apart, with their month and reason', () => {
    renderStory(stories, 'admin/billing/statement/closed-with-corrections');
    const corrections = screen.getByRole('table', { name: 'Corrections of earlier months' });
    expect(corrections).toHaveTextContent(/Sep 2026.*-\$1\.25.*adjustments/s);
    expect(screen.getByText(/agreed with the client/)).toBeVisible();
    expect(screen.getByRole('table', { name: 'Usage by model' })).toHaveTextContent('<img src=x');
    expect(document.querySelector('img')).toBeNull();
  });

  it('says its rate with its day and source', () => {
    const statement = readStatement(
      statementBody({ currency: 'PLN', total: '78.51', rate: PLN_RATE, lines: [lineBody()] }),
    );
    renderStory(stories, 'admin/billing/statement/draft', { props: { statement } });
    expect(screen.getByText('$1 = 3.6512 PLN')).toBeVisible();
    expect(document.body).toHaveTextContent(/Oct 30, 2026 · Narodowy Bank Polski/);
  });

  it('shows names as text', () => {
    renderStory(stories, 'admin/billing/table/month');
    expect(screen.getByRole('button', { name: HOSTILE_NAME.trim() })).toBeVisible();
    expect(document.querySelector('img')).toBeNull();
  });
});

describe('rates', () => {
  it('reads a rate as it is typed here and says what it was read as', async () => {
    const server = stubServer({
      ...routes,
      'POST /billing/rates': { status: 201, body: { rate: rateBody({ source: 'manual' }) } },
    });
    const { said } = show({ tab: 'rates', currency: 'PLN', enter: 'yes' });
    const sheet = await screen.findByRole('dialog', { name: 'Enter a rate' });
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Save the rate' }));
    expect(within(sheet).getByText('Choose a day')).toBeVisible();
    await fireEvent.input(within(sheet).getByLabelText(/^Day/), {
      target: { value: '2026-11-23' },
    });
    await fireEvent.input(within(sheet).getByLabelText(/Units for one/), {
      target: { value: '3.7' },
    });
    expect(within(sheet).getByText('$1 = 3.7 PLN')).toBeVisible();
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Save the rate' }));
    await waitFor(() => expect(said()).toHaveLength(1));
    expect(server.of('POST /billing/rates')[0]?.body).toMatchObject({ rate: '3.7' });
  });

  it('takes an entered rate away once that is confirmed', async () => {
    const server = stubServer({
      ...routes,
      'DELETE /billing/rates/PLN/2026-11-23': { body: { success: true } },
    });
    show({ tab: 'rates' });
    await click(/^Remove the rate of PLN/);
    const question = await screen.findByRole('alertdialog');
    await fireEvent.click(within(question).getByRole('button', { name: 'Remove' }));
    await waitFor(() => expect(server.of('DELETE /billing/rates/PLN/2026-11-23')).toHaveLength(1));
  });
});

describe('the export', () => {
  it('asks for the file of the days and the organization', async () => {
    const server = stubServer({
      ...routes,
      'GET /usage/export': problem(422, 'too long', { to: 'at most 366 days' }),
    });
    show({ tab: 'export' });
    await screen.findByRole('option', { name: 'Acme' });
    await fireEvent.change(screen.getByLabelText('Organization'), { target: { value: 'acme' } });
    await fireEvent.input(screen.getByLabelText('From'), { target: { value: '2024-01-01' } });
    await fireEvent.input(screen.getByLabelText('To'), { target: { value: '2023-01-01' } });
    await click('Download');
    expect(screen.getByText('It ends before it begins')).toBeVisible();
    await fireEvent.input(screen.getByLabelText('To'), { target: { value: '2026-01-01' } });
    await click('Download');
    expect(await screen.findByText('at most 366 days')).toBeVisible();
    expect(Object.fromEntries(server.of('GET /usage/export')[0]?.query ?? [])).toMatchObject({
      client_id: 'acme',
      format: 'csv',
      from: '2024-01-01',
    });
  });
});
