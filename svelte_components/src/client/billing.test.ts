import { describe, expect, it, vi } from 'vitest';
import { closedBody, pageBody, PLN_RATE, rateBody, statementBody } from '../testing/billing';
import { problem, stubServer } from '../testing/server';
import {
  closeStatement,
  enterRate,
  fetchDraft,
  fetchMonth,
  fetchRates,
  removeRate,
  savePdf,
  readStatement,
} from './billing';
import { fetchDirectory } from './directory';
import { saveReport } from './exports';

describe('statements', () => {
  it('reads a month page by page, closed ones first, and tells each page', async () => {
    const page = (items: unknown[], total: number) => ({
      body: { ...pageBody('statements', items), total },
    });
    const server = stubServer({
      'GET /billing/statements': ({ query }) => {
        if (query.get('state') === 'closed') return page([closedBody()], 1);
        // A page of drafts lacks those that are closed, so only `total` tells whether more come.
        return query.get('offset') === '0' ? page([statementBody()], 201) : page([], 201);
      },
    });
    const told = vi.fn();
    const answer = await fetchMonth('2026-10', told);
    expect(answer.ok && answer.value.map(({ clientId }) => clientId)).toEqual(['globex', 'acme']);
    expect(server.asked.map(({ query }) => query.get('offset'))).toEqual(['0', '0', '200']);
    expect(told.mock.calls.map(([soFar]) => soFar.length)).toEqual([1, 2, 2]);
  });

  it('keeps the digits of money and the rate', async () => {
    const body = statementBody({ currency: 'PLN', total: '78.51', rate: PLN_RATE });
    stubServer({ 'GET /clients/a%2Fb/statements/2026-10/draft': { body: { statement: body } } });
    const answer = await fetchDraft('a/b', '2026-10');
    expect(answer.ok && answer.value.lines[0]?.billed).toBe('17.203400000012');
    expect(answer.ok && answer.value.rate?.rate).toBe('3.6512');
  });

  it('closes with a reason only where one is given, and says what stands against it', async () => {
    const route = 'POST /clients/acme/statements/2026-10/close';
    const server = stubServer({
      [route]: ({ body }) =>
        (body as { force_reason?: string }).force_reason
          ? { status: 201, body: { statement: closedBody() } }
          : problem(409, '2026-10 cannot be closed: 3 days of 2026-10 are not sealed yet'),
    });
    const refused = await closeStatement('acme', '2026-10');
    expect(refused).toMatchObject({ failure: { kind: 'conflict', status: 409 } });
    const closed = await closeStatement('acme', '2026-10', 'agreed');
    expect(closed.ok && closed.value.number).toBe('MAI-2026-0007');
    expect(server.of(route).map(({ body }) => body)).toEqual([{}, { force_reason: 'agreed' }]);
  });

  it('asks for the PDF of what it is: a draft or a closed statement', async () => {
    const server = stubServer({});
    await savePdf(readStatement(statementBody()));
    await savePdf(readStatement(closedBody()));
    expect(server.asked.map(({ path }) => path)).toEqual([
      '/clients/acme/statements/2026-10/draft/pdf',
      '/billing/statements/st-1/pdf',
    ]);
  });
});

describe('rates', () => {
  it('reads, enters and removes them', async () => {
    const server = stubServer({
      'GET /billing/rates': { body: pageBody('rates', [rateBody()]) },
      'POST /billing/rates': { status: 201, body: { rate: rateBody({ source: 'manual' }) } },
      'DELETE /billing/rates/PLN/2026-11-23': { body: { success: true } },
    });
    const page = await fetchRates({ currency: 'PLN', source: '' });
    expect(page.ok && page.value.items[0]?.rate).toBe('3.6734');
    expect(server.asked[0]?.query.has('source')).toBe(false);
    const rate = { currency: 'PLN', date: '2026-11-23', rate: '3.70', note: '' };
    const entered = await enterRate(rate);
    expect(server.of('POST /billing/rates')[0]?.body).toEqual(rate);
    expect(entered.ok && (await removeRate(entered.value))).toEqual({ ok: true, value: null });
  });
});

describe('exports', () => {
  it('says of CSV how it is written, and nothing of the kind of others', async () => {
    const server = stubServer({});
    const wanted = {
      report: 'by-model',
      from: '2026-10-01',
      to: '2026-10-31',
      clientId: '',
      delimiter: 'semicolon',
      bom: true,
    } as const;
    await saveReport({ ...wanted, format: 'csv' });
    await saveReport({ ...wanted, format: 'xlsx' });
    const [csv, xlsx] = server.asked.map(({ query }) => Object.fromEntries(query));
    expect(csv).toMatchObject({ format: 'csv', delimiter: 'semicolon', bom: 'true' });
    expect(xlsx).toEqual({
      report: 'by-model',
      format: 'xlsx',
      from: '2026-10-01',
      to: '2026-10-31',
    });
  });
});

it('reads the directory to its end', async () => {
  const client = { id: 'a', name: 'A', is_active: true, billing_currency: 'USD' };
  const page = (length: number) => ({
    body: { clients: Array.from({ length }, () => client), total: 203 },
  });
  stubServer({
    'GET /clients': ({ query }) => page(query.get('offset') === '0' ? 200 : 3),
  });
  const answer = await fetchDirectory();
  expect(answer.ok && answer.value.length).toBe(203);
});
