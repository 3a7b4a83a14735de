/** A new price as a form has it, and what the server is told of it. */
import type { NewPrice } from '../../../client/prices';
import { compareDecimals } from '../../../format/decimal';
import { decimalFrom } from '../../../format/entry';
import type { MessageKey } from '../../../locale/keys';
import { startOfDay } from '../fields/days';

export interface PriceDraft {
  scope: 'organization' | 'everybody';
  /** Empty: every model. */
  pattern: string;
  when: 'now' | 'day';
  day: string;
  markup: string;
  fee: string;
  allowLoss: boolean;
}

export const EMPTY_PRICE: PriceDraft = {
  scope: 'organization',
  pattern: '',
  when: 'now',
  day: '',
  markup: '',
  fee: '',
  allowLoss: false,
};

export type PriceField = 'model_pattern' | 'effective_from' | 'markup_rate' | 'fixed_fee';
export type PriceProblems = Partial<Record<PriceField, MessageKey>>;

interface Circumstances {
  languageTag: string;
  timeZone: string;
  /** The first day a price can be planned for. */
  tomorrow: string;
}

export function priceProblems(draft: PriceDraft, around: Circumstances): PriceProblems {
  const found: PriceProblems = {};
  const rate = decimalFrom(draft.markup, around.languageTag);
  const fee = draft.fee.trim() ? decimalFrom(draft.fee, around.languageTag) : '0';
  if (/[?[\]\s]|[^\x20-\x7e]/.test(draft.pattern.trim())) {
    found.model_pattern = 'organizations.patternWrong';
  }
  if (draft.when === 'day' && !isFuture(draft.day, around)) {
    found.effective_from = 'organizations.dayNeeded';
  }
  if (rate === null || compareDecimals(rate, '1000') > 0) {
    found.markup_rate = 'organizations.markupWrong';
  } else if (compareDecimals(rate, '1') < 0 && !draft.allowLoss) {
    found.markup_rate = 'organizations.markupIsLoss';
  }
  if (fee === null) found.fixed_fee = 'organizations.amountWrong';
  else if (compareDecimals(fee, '1000') > 0) found.fixed_fee = 'organizations.amountTooLarge';
  return found;
}

/** Call it on a draft without problems. */
export function priceOf(draft: PriceDraft, client: string, around: Circumstances): NewPrice {
  return {
    client_id: draft.scope === 'organization' ? client : null,
    model_pattern: draft.pattern.trim() || null,
    effective_from: draft.when === 'day' ? startOfDay(draft.day, around.timeZone) : null,
    markup_rate: decimalFrom(draft.markup, around.languageTag) ?? '1',
    fixed_fee: decimalFrom(draft.fee, around.languageTag) ?? '0',
    allow_loss: draft.allowLoss,
  };
}

function isFuture(day: string, { timeZone, tomorrow }: Circumstances): boolean {
  return startOfDay(day, timeZone) !== null && day >= tomorrow;
}
