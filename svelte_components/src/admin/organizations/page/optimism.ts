import type { Organization, OrganizationChanges } from '../../../client/organizations';

/** An organization as it will be once the server has taken these changes. */
export function withChanges(before: Organization, changes: OrganizationChanges): Organization {
  const after = { ...before };
  if (changes.name !== undefined) after.name = changes.name;
  if (changes.slug !== undefined) after.slug = changes.slug;
  if (changes.billing_currency !== undefined) after.billingCurrency = changes.billing_currency;
  if (changes.billing_email !== undefined) after.billingEmail = changes.billing_email;
  if (changes.markup_rate !== undefined) after.markupRate = changes.markup_rate;
  if (changes.fixed_fee !== undefined) after.fixedFee = changes.fixed_fee;
  if (changes.monthly_limit !== undefined) after.monthlyLimit = changes.monthly_limit;
  if (changes.on_limit !== undefined) after.onLimit = changes.on_limit;
  if (changes.on_meter_failure !== undefined) after.onMeterFailure = changes.on_meter_failure;
  if (changes.notes !== undefined) after.notes = changes.notes;
  return after;
}
