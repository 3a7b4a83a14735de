import { expect, it } from 'vitest';
import { pageBody } from '../testing/billing';
import { broadcastBody, comparisonBody, counterBody, UNEXPLAINED } from '../testing/reconciliation';
import { problem, stubServer } from '../testing/server';
import {
  fetchBroadcasts,
  fetchKeyCounters,
  fetchReconciliations,
  runReconciliation,
} from './reconciliation';

const filter = {
  from: '2026-11-01',
  to: '2026-11-22',
  clientId: '',
  status: '',
  isBelow: false,
} as const;

it('reads as many comparisons as are wanted, and says how many there are', async () => {
  const server = stubServer({
    'GET /reconciliations': ({ query }) => ({
      body: {
        reconciliations: Array.from({ length: Number(query.get('limit')) }, () => comparisonBody()),
        problems: [{ date: '2026-11-02', problem: 'no figures' }],
        total: 900,
      },
    }),
  });
  const answer = await fetchReconciliations(filter, 300);
  expect(answer.ok && answer.value.items.length).toBe(300);
  expect(answer.ok && answer.value.total).toBe(900);
  expect(answer.ok && answer.value.problems).toEqual([
    { date: '2026-11-02', problem: 'no figures' },
  ]);
  expect(server.asked.map(({ query }) => query.get('limit'))).toEqual(['200', '100']);
  expect(server.asked[0]?.query.has('is_below')).toBe(false);
});

it('runs a day, or says why it cannot', async () => {
  const server = stubServer({
    'POST /reconciliations/run': ({ body }) =>
      (body as { date: string }).date === '2026-11-21'
        ? { body: { date: '2026-11-21', is_final: true, reconciliations: [UNEXPLAINED] } }
        : problem(422, 'date: a completed day', { date: 'a completed UTC day' }),
  });
  const run = await runReconciliation('2026-11-21');
  expect(run.ok && run.value.reconciliations[0]?.models[0]?.theirs.raw).toBe('0.6');
  expect((await runReconciliation('2026-11-24')).ok).toBe(false);
  expect(server.asked).toHaveLength(2);
});

it('reads counters of keys and what OpenRouter has sent', async () => {
  stubServer({
    'GET /reconciliations/keys': { body: pageBody('counters', [counterBody()]) },
    'GET /broadcast': { body: pageBody('broadcasts', [broadcastBody()]) },
  });
  const keys = await fetchKeyCounters(0, 50);
  expect(keys.ok && keys.value.items[0]?.difference).toBe('12.5');
  const calls = await fetchBroadcasts({ status: 'booked', offset: 0, limit: 50 });
  expect(calls.ok && calls.value.items[0]?.status).toBe('booked');
});
