import { expect, it } from 'vitest';
import { fetchReport } from '../../../client/organization-usage';
import { english } from '../../../testing/locale';
import { reportBody } from '../../../testing/organizations';
import { stubServer } from '../../../testing/server';
import { linesByDay, pointsOf, rangeOf, tableOf } from './days';

async function lines() {
  stubServer({ 'GET /usage/report': { body: reportBody('day', ['2026-11-23']) } });
  const answer = await fetchReport('acme', 'day', 30);
  if (!answer.ok) throw new Error(answer.failure.kind);
  return linesByDay(answer.value);
}

it('has every day of the period, the ones without usage too', async () => {
  const found = await lines();
  expect(found).toHaveLength(30);
  expect(found[0]).toMatchObject({ group: '2026-10-26', billed: '0' });
  expect(found.at(-2)).toMatchObject({ group: '2026-11-23', billed: '412.5' });
});

it('says the amounts to the digit, and draws them', async () => {
  const [yesterday, today] = pointsOf(await lines(), english()).slice(-2);
  expect(yesterday).toMatchObject({
    longLabel: 'Mon, Nov 23, 2026',
    said: { cost: '$317.31', profit: '$95.19' },
    values: { cost: 317.31, profit: 95.19 },
  });
  expect(today?.label).toBe('Today');
});

it('has the same numbers as a table', async () => {
  const { columns, rows } = tableOf(await lines(), english());
  expect(columns).toHaveLength(5);
  expect(rows.at(-2)).toEqual(['Mon, Nov 23, 2026', '$412.50', '$317.31', '$95.19', '1,240']);
});

it.each([
  ['7', '7'],
  ['90', '90'],
  ['1000', '30'],
  [undefined, '30'],
])('reads the days %j as %s', (text, range) => {
  expect(rangeOf(text)).toBe(range);
});
