/** Prices with dates: what a call costs a client, from when on, and what a new price would change. */
import { ask, type Answer } from './http';
import {
  amount,
  count,
  flag,
  instant,
  list,
  optionalText,
  record,
  text,
  type Fields,
} from './read';

/** A rule of an organization, or without one of everybody, for the models that fit its pattern. */
export interface PriceRule {
  id: number;
  client: string | null;
  /** Null: every model. */
  pattern: string | null;
  /** UTC milliseconds. */
  from: number;
  markupRate: string;
  /** Decimal string of USD, added to each call. */
  fixedFee: string;
}

/** Named as on the wire. */
export interface NewPrice {
  client_id: string | null;
  model_pattern: string | null;
  /** RFC 3339; null: now. */
  effective_from: string | null;
  markup_rate: string;
  fixed_fee: string;
  allow_loss: boolean;
}

export interface PreviewSums {
  requests: number;
  rawCost: string;
  billed: string;
  newBilled: string;
  difference: string;
}

export interface ModelPreview extends PreviewSums {
  model: string;
  /** The new price would be this model's. */
  isAffected: boolean;
}

/** A month as it was billed, and as the new price would have billed it. */
export interface PricePreview extends PreviewSums {
  month: string;
  models: ModelPreview[];
}

/** The organization's own rules and those for everybody, planned and past ones included. */
export function fetchPrices(client: string, signal?: AbortSignal): Promise<Answer<PriceRule[]>> {
  return ask('/pricing-rules', (body) => readRules(body, client), { signal });
}

export function addPrice(price: NewPrice): Promise<Answer<PriceRule>> {
  return ask('/pricing-rules', (body) => readRule(record(record(body, 'body').rule, 'rule')), {
    method: 'POST',
    body: price,
  });
}

/** Takes back a rule that does not hold yet. */
export function removePrice(id: number): Promise<Answer<null>> {
  return ask(`/pricing-rules/${id}`, () => null, { method: 'DELETE' });
}

/** `month` such as 2026-11; the server has the books of the present one and all before. */
export function previewPrice(
  client: string,
  price: Pick<NewPrice, 'model_pattern' | 'markup_rate' | 'fixed_fee'>,
  month: string,
  signal?: AbortSignal,
): Promise<Answer<PricePreview>> {
  const { model_pattern, markup_rate, fixed_fee } = price;
  const body = { client_id: client, model_pattern, markup_rate, fixed_fee, month };
  return ask('/pricing-rules/preview', readPreview, { method: 'POST', body, signal });
}

function readRules(body: unknown, client: string): PriceRule[] {
  const rules = list(record(body, 'body').rules, 'rules', readRule);
  return rules.filter((rule) => rule.client === null || rule.client === client);
}

export function readRule(rule: Fields): PriceRule {
  return {
    id: count(rule.id, 'id'),
    client: optionalText(rule.client_id, 'client_id'),
    pattern: optionalText(rule.model_pattern, 'model_pattern'),
    from: instant(rule.effective_from, 'effective_from'),
    markupRate: amount(rule.markup_rate, 'markup_rate'),
    fixedFee: amount(rule.fixed_fee, 'fixed_fee'),
  };
}

export function readPreview(body: unknown): PricePreview {
  const answer = record(body, 'body');
  return {
    ...readPreviewSums(answer),
    month: text(answer.month, 'month'),
    models: list(answer.models, 'models', (model) => ({
      ...readPreviewSums(model),
      model: text(model.model, 'model'),
      isAffected: flag(model.is_affected, 'is_affected'),
    })),
  };
}

function readPreviewSums(sums: Fields): PreviewSums {
  return {
    requests: count(sums.requests, 'requests'),
    rawCost: amount(sums.raw_cost, 'raw_cost'),
    billed: amount(sums.billed, 'billed'),
    newBilled: amount(sums.new_billed, 'new_billed'),
    difference: amount(sums.difference, 'difference'),
  };
}
