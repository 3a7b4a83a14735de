import { expect, it } from 'vitest';
import { previewBody, ruleBody } from '../testing/organizations';
import { stubServer } from '../testing/server';
import { addPrice, fetchPrices, previewPrice, removePrice } from './prices';

const PRICE = {
  client_id: 'acme',
  model_pattern: 'openai/*',
  effective_from: null,
  markup_rate: '1.35',
  fixed_fee: '0.000000000001',
  allow_loss: false,
};

it('keeps an organization’s own rules and everybody’s, and no other organization’s', async () => {
  const rules = [
    ruleBody(),
    ruleBody({ id: 2, client_id: null }),
    ruleBody({ client_id: 'other' }),
  ];
  stubServer({ 'GET /pricing-rules': { body: { rules, total: 3 } } });
  const answer = await fetchPrices('acme');
  expect(answer.ok && answer.value.map(({ id }) => id)).toEqual([1, 2]);
});

it('sends a new price digit by digit', async () => {
  const server = stubServer({
    'POST /pricing-rules': { status: 201, body: { rule: ruleBody({ id: 9 }) } },
  });
  expect(await addPrice(PRICE)).toMatchObject({ value: { id: 9, markupRate: '1.3' } });
  expect(server.asked[0]?.body).toEqual(PRICE);
});

it('previews a price on a month', async () => {
  const server = stubServer({ 'POST /pricing-rules/preview': { body: previewBody() } });
  expect(await previewPrice('acme', PRICE, '2026-10')).toMatchObject({
    value: { month: '2026-10', difference: '1', models: [{ isAffected: true }, {}] },
  });
  expect(server.asked[0]?.body).toEqual({
    client_id: 'acme',
    model_pattern: 'openai/*',
    markup_rate: '1.35',
    fixed_fee: '0.000000000001',
    month: '2026-10',
  });
});

it('takes a planned rule back', async () => {
  const server = stubServer({ 'DELETE /pricing-rules/9': { body: { success: true } } });
  expect(await removePrice(9)).toEqual({ ok: true, value: null });
  expect(server.asked).toHaveLength(1);
});
