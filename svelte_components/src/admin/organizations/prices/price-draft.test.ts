// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { EMPTY_PRICE, priceOf, priceProblems, type PriceDraft } from './price-draft';

const around = { languageTag: 'pl-PL', timeZone: 'Europe/Warsaw', tomorrow: '2026-11-25' };
const draft = (more: Partial<PriceDraft>): PriceDraft => ({
  ...EMPTY_PRICE,
  markup: '1,35',
  ...more,
});

describe('priceProblems', () => {
  it.each([
    [{}, {}],
    [{ markup: '' }, { markup_rate: 'organizations.markupWrong' }],
    [{ markup: '1001' }, { markup_rate: 'organizations.markupWrong' }],
    [{ markup: '0,5' }, { markup_rate: 'organizations.markupIsLoss' }],
    [{ markup: '0,5', allowLoss: true }, {}],
    [{ fee: 'x' }, { fixed_fee: 'organizations.amountWrong' }],
    [{ fee: '1 000,01' }, { fixed_fee: 'organizations.amountTooLarge' }],
    [{ pattern: 'open ai/*' }, { model_pattern: 'organizations.patternWrong' }],
    [{ pattern: 'gpt-?' }, { model_pattern: 'organizations.patternWrong' }],
    [{ pattern: ' anthropic/* ' }, {}],
    [{ when: 'day' }, { effective_from: 'organizations.dayNeeded' }],
    [{ when: 'day', day: '2026-11-24' }, { effective_from: 'organizations.dayNeeded' }],
    [{ when: 'day', day: '2026-11-25' }, {}],
  ] satisfies [Partial<PriceDraft>, object][])('of %j are %j', (more, problems) => {
    expect(priceProblems(draft(more), around)).toEqual(problems);
  });
});

it('begins at midnight where the organization is', () => {
  const wanted = draft({ pattern: ' openai/* ', when: 'day', day: '2026-12-01', fee: '0,01' });
  expect(priceOf(wanted, 'acme', around)).toEqual({
    client_id: 'acme',
    model_pattern: 'openai/*',
    effective_from: '2026-11-30T23:00:00.000Z',
    markup_rate: '1.35',
    fixed_fee: '0.01',
    allow_loss: false,
  });
});

it('is for everybody, every model and now where nothing else is said', () => {
  expect(priceOf(draft({ scope: 'everybody' }), 'acme', around)).toMatchObject({
    client_id: null,
    model_pattern: null,
    effective_from: null,
    fixed_fee: '0',
  });
});
