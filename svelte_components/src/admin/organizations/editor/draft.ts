/**
 * An organization as a form has it: everything is text as it was typed. From it come the changes for
 * the server, only of what was touched, and what is wrong before the server is asked.
 */
import type {
  Contact,
  OnLimit,
  Organization,
  OrganizationChanges,
} from '../../../client/organizations';
import { compareDecimals } from '../../../format/decimal';
import { decimalFrom, entryOf } from '../../../format/entry';
import type { MessageKey } from '../../../locale/keys';
import { SLUG } from './slug';

/** Named as on the wire, so that the server's complaints find their field. */
export interface Draft {
  name: string;
  slug: string;
  timezone: string;
  billing_currency: string;
  billing_email: string;
  contacts: Contact[];
  markup_rate: string;
  fixed_fee: string;
  allow_loss: boolean;
  monthly_limit: string;
  on_limit: OnLimit;
  /** Empty: as limited. */
  on_meter_failure: 'block' | 'allow' | '';
  notes: string;
}

export type DraftField = keyof Draft;
export type Problems = Partial<Record<DraftField, MessageKey>>;

export const EMPTY_CONTACT: Contact = { name: '', email: '', phone: '', role: '' };

/** What the form begins with; a new organization leaves to the server what it does not name. */
export function draftOf(organization: Organization | null, languageTag: string): Draft {
  const entry = (decimal: string | null | undefined) => entryOf(decimal ?? null, languageTag);
  return {
    name: organization?.name ?? '',
    slug: organization?.slug ?? '',
    timezone: organization?.nextTimeZone ?? organization?.timeZone ?? '',
    billing_currency: organization?.billingCurrency ?? '',
    billing_email: organization?.billingEmail ?? '',
    contacts: organization?.contacts.map((contact) => ({ ...contact })) ?? [],
    markup_rate: entry(organization?.markupRate),
    fixed_fee: entry(organization?.fixedFee),
    allow_loss: false,
    monthly_limit: entry(organization?.monthlyLimit),
    on_limit: organization?.onLimit ?? 'block',
    on_meter_failure: organization?.onMeterFailure ?? '',
    notes: organization?.notes ?? '',
  };
}

/** The fields in which two drafts differ; the permission to lose money is no field of its own. */
export function differing(one: Draft, other: Draft): DraftField[] {
  const fields = Object.keys(one) as DraftField[];
  return fields.filter(
    (field) =>
      field !== 'allow_loss' && JSON.stringify(one[field]) !== JSON.stringify(other[field]),
  );
}

/** What the server is to be told: the fields that differ from `base`. Call it on a valid draft. */
export function changesOf(draft: Draft, base: Draft, languageTag: string): OrganizationChanges {
  const all: Required<Omit<OrganizationChanges, 'is_active' | 'provision_key' | 'allow_loss'>> = {
    name: draft.name.trim(),
    slug: draft.slug.trim(),
    timezone: draft.timezone.trim(),
    billing_currency: draft.billing_currency.trim().toUpperCase(),
    billing_email: draft.billing_email.trim(),
    contacts: draft.contacts.map(given).filter((contact) => Object.keys(contact).length > 0),
    markup_rate: decimalFrom(draft.markup_rate, languageTag) ?? '1',
    fixed_fee: decimalFrom(draft.fixed_fee, languageTag) ?? '0',
    monthly_limit: decimalFrom(draft.monthly_limit, languageTag),
    on_limit: draft.on_limit,
    on_meter_failure: draft.on_meter_failure || null,
    notes: draft.notes,
  };
  const touched = differing(draft, base).map((field) => [field, all[field as keyof typeof all]]);
  const changes: OrganizationChanges = Object.fromEntries(touched);
  return 'markup_rate' in changes && draft.allow_loss ? { ...changes, allow_loss: true } : changes;
}

/** What is wrong with what was touched, as the keys of the sentences that say it. */
export function problemsOf(draft: Draft, base: Draft, languageTag: string): Problems {
  const touched = new Set(differing(draft, base));
  const found: Problems = {};
  if (!draft.name.trim()) found.name = 'organizations.nameNeeded';
  for (const field of touched) {
    const problem = CHECKS[field]?.(draft, languageTag);
    if (problem) found[field] = problem;
  }
  return found;
}

/** A draft on a newer version: what the reader touched stays, the rest is as it is now. */
export function rebased(draft: Draft, base: Draft, fresh: Draft): Draft {
  const touched = differing(draft, base).map((field) => [field, draft[field]]);
  return { ...fresh, allow_loss: draft.allow_loss, ...Object.fromEntries(touched) };
}

type Check = (draft: Draft, languageTag: string) => MessageKey | null;

const CHECKS: Partial<Record<DraftField, Check>> = {
  slug: ({ slug }) => (!slug || SLUG.test(slug) ? null : 'organizations.slugWrong'),
  timezone: ({ timezone }) => (isTimeZone(timezone) ? null : 'organizations.timeZoneWrong'),
  billing_currency: ({ billing_currency: currency }) =>
    !currency || /^[a-z]{3}$/i.test(currency.trim()) ? null : 'organizations.currencyWrong',
  billing_email: ({ billing_email: email }) => (isEmail(email) ? null : 'organizations.emailWrong'),
  contacts: ({ contacts }) =>
    contacts.every(({ email }) => isEmail(email)) ? null : 'organizations.contactEmailWrong',
  markup_rate: markupProblem,
  fixed_fee: ({ fixed_fee: fee }, tag) => amountProblem(fee, tag, '1000'),
  monthly_limit: ({ monthly_limit: limit }, tag) => amountProblem(limit, tag, '9000000'),
};

function markupProblem(draft: Draft, languageTag: string): MessageKey | null {
  const rate = decimalFrom(draft.markup_rate, languageTag);
  if (rate === null || compareDecimals(rate, '1000') > 0) return 'organizations.markupWrong';
  if (compareDecimals(rate, '1') < 0 && !draft.allow_loss) return 'organizations.markupIsLoss';
  return null;
}

function amountProblem(typed: string, languageTag: string, most: string): MessageKey | null {
  if (!typed.trim()) return null;
  const amount = decimalFrom(typed, languageTag);
  if (amount === null) return 'organizations.amountWrong';
  return compareDecimals(amount, most) > 0 ? 'organizations.amountTooLarge' : null;
}

function isTimeZone(zone: string): boolean {
  if (!zone.trim()) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone.trim() });
    return !/^[+-]/.test(zone.trim());
  } catch {
    return false;
  }
}

function isEmail(email: string): boolean {
  return !email.trim() || /^[^@\s]+@[^@\s]+$/.test(email.trim());
}

/** Without what is empty. */
function given(contact: Contact): Partial<Contact> {
  const entries = Object.entries(contact).map(([name, text]) => [name, text.trim()] as const);
  return Object.fromEntries(entries.filter(([, text]) => text));
}
