/** What the fields of an organization are called, and how their values are said. */
import type { MessageKey } from '../../../locale/keys';
import type { Locale } from '../../../locale/locale';
import type { Draft, DraftField } from './draft';

const LABELS: Record<Exclude<DraftField, 'allow_loss'>, MessageKey> = {
  name: 'organizations.name',
  slug: 'organizations.slug',
  timezone: 'organizations.timeZone',
  billing_currency: 'organizations.currency',
  billing_email: 'organizations.billingEmail',
  contacts: 'organizations.contacts',
  markup_rate: 'organizations.markup',
  fixed_fee: 'organizations.fixedFee',
  monthly_limit: 'organizations.monthlyLimit',
  on_limit: 'organizations.onLimit',
  on_meter_failure: 'organizations.onMeterFailure',
  notes: 'organizations.notes',
};

export const ON_LIMIT_LABELS = {
  block: 'organizations.onLimitBlock',
  alert: 'organizations.onLimitAlert',
} as const;

export const ON_METER_FAILURE_LABELS = {
  '': 'organizations.onMeterFailureUsual',
  block: 'organizations.onMeterFailureBlock',
  allow: 'organizations.onMeterFailureAllow',
} as const;

export function labelOf(field: DraftField): MessageKey {
  return field === 'allow_loss' ? 'organizations.allowLoss' : LABELS[field];
}

/** A field's value for a sentence; a dash where there is none. */
export function valueOf(draft: Draft, field: DraftField, locale: Locale): string {
  if (field === 'contacts')
    return draft.contacts.map(({ name, email }) => name || email).join(', ');
  if (field === 'on_limit') return locale.t(ON_LIMIT_LABELS[draft.on_limit]);
  if (field === 'on_meter_failure') {
    return locale.t(ON_METER_FAILURE_LABELS[draft.on_meter_failure]);
  }
  return String(draft[field]) || '–';
}
