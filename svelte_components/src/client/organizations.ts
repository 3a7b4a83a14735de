/** Client organizations as the reseller sees them: the list with its month, and one to be changed. */
import { ask, type Answer } from './http';
import { readKey, type OrganizationKey } from './keys';
import {
  amount,
  count,
  flag,
  instant,
  list,
  oneOf,
  optionalAmount,
  optionalInstant,
  optionalText,
  record,
  text,
  type Fields,
} from './read';

const ON_LIMIT = ['block', 'alert'] as const;
const ON_METER_FAILURE = ['block', 'allow'] as const;
const SUMMARY_KEYS = ['none', 'active', 'disabled', 'problem'] as const;

export type OnLimit = (typeof ON_LIMIT)[number];
export type OnMeterFailure = (typeof ON_METER_FAILURE)[number];
export type OrganizationSort =
  'name' | 'spend' | 'profit' | 'limit_used' | 'last_activity' | 'requests';

export interface OrganizationsQuery {
  search: string;
  status: 'active' | 'deactivated' | null;
  sort: OrganizationSort;
  descending: boolean;
  offset: number;
  limit: number;
}

/** Decimal strings of USD. */
export interface MonthSums {
  billed: string;
  rawCost: string;
  profit: string;
  /** In per cent of what was billed; null where nothing was. */
  margin: string | null;
  requests: number;
}

/** A line of the list. */
export interface OrganizationSummary {
  id: string;
  name: string;
  slug: string;
  isActive: boolean;
  timeZone: string;
  /** The organization's own month and day. */
  month: string;
  today: string;
  thisMonth: MonthSums;
  /** The month before, up to the same day. */
  before: MonthSums;
  change: string | null;
  monthlyLimit: string | null;
  held: string;
  usedPercent: string | null;
  onLimit: OnLimit;
  members: number;
  key: { state: (typeof SUMMARY_KEYS)[number]; label: string | null; problem: string | null };
  lastActivity: string | null;
  /** Thirty decimal strings, oldest first; the last is today's. */
  sparkline: string[];
}

export interface OrganizationsPage {
  clients: OrganizationSummary[];
  /** Of all that were asked for, not of this page. */
  totals: MonthSums;
  total: number;
  offset: number;
  limit: number;
}

export interface Contact {
  name: string;
  email: string;
  phone: string;
  role: string;
}

/** One organization with all that can be changed about it. */
export interface Organization {
  id: string;
  name: string;
  slug: string;
  isActive: boolean;
  timeZone: string;
  /** A zone that holds from an instant on, and that instant. */
  nextTimeZone: string | null;
  nextTimeZoneFrom: number | null;
  billingCurrency: string;
  billingEmail: string;
  contacts: Contact[];
  /** The price for every model; rules for some models stand beside it. */
  markupRate: string;
  fixedFee: string;
  monthlyLimit: string | null;
  onLimit: OnLimit;
  /** Null: blocks where there is a limit, else lets calls pass. */
  onMeterFailure: OnMeterFailure | null;
  notes: string;
  createdAt: number;
  updatedAt: number;
  deactivatedAt: number | null;
  version: number;
  members: number;
  month: string;
  spent: string;
  held: string;
  key: OrganizationKey;
}

/** Named as on the wire, so that a form's fields and the server's complaints meet. */
export interface OrganizationChanges {
  name?: string;
  slug?: string;
  timezone?: string;
  billing_currency?: string;
  billing_email?: string;
  contacts?: Partial<Contact>[];
  markup_rate?: string;
  fixed_fee?: string;
  allow_loss?: boolean;
  monthly_limit?: string | null;
  on_limit?: OnLimit;
  on_meter_failure?: OnMeterFailure | null;
  notes?: string;
  is_active?: boolean;
  provision_key?: boolean;
}

/** An organization after a change, and what the server says about it. */
export interface Changed {
  organization: Organization;
  message: string;
}

export function fetchOrganizations(
  wanted: OrganizationsQuery,
  signal?: AbortSignal,
): Promise<Answer<OrganizationsPage>> {
  const { search, status, sort, descending, offset, limit } = wanted;
  const query = { search, status, sort: `${descending ? '-' : ''}${sort}`, offset, limit };
  return ask('/usage/by-client', readPage, { query, signal });
}

export function fetchOrganization(id: string, signal?: AbortSignal): Promise<Answer<Organization>> {
  return ask(path(id), (body) => readChanged(body).organization, { signal });
}

/** Their names by id, for choosing one of them; the first two hundred by name. */
export function fetchOrganizationNames(
  search: string,
  signal?: AbortSignal,
): Promise<Answer<{ id: string; name: string; timeZone: string }[]>> {
  const query = { search, status: 'active', sort: 'name', limit: 200 };
  return ask('/clients', readNames, { query, signal });
}

export function createOrganization(fields: OrganizationChanges): Promise<Answer<Changed>> {
  return ask('/clients', readChanged, { method: 'POST', body: fields });
}

/** Changes what is named, unless somebody changed it since `version`: then the failure is `changed`. */
export function changeOrganization(
  id: string,
  changes: OrganizationChanges,
  version?: number,
): Promise<Answer<Changed>> {
  const ifMatch = version === undefined ? null : `"${version}"`;
  return ask(path(id), readChanged, { method: 'PATCH', body: changes, ifMatch });
}

export function deactivateOrganization(id: string): Promise<Answer<Changed>> {
  return ask(path(id), readChanged, { method: 'DELETE' });
}

function path(id: string): string {
  return `/clients/${encodeURIComponent(id)}`;
}

export function readPage(body: unknown): OrganizationsPage {
  const answer = record(body, 'body');
  return {
    clients: list(answer.clients, 'clients', readSummary),
    totals: readSums(record(answer.totals, 'totals')),
    total: count(answer.total, 'total'),
    offset: count(answer.offset, 'offset'),
    limit: count(answer.limit, 'limit'),
  };
}

function readSummary(client: Fields): OrganizationSummary {
  const key = record(client.key, 'key');
  return {
    id: text(client.client_id, 'client_id'),
    name: text(client.client_name, 'client_name'),
    slug: text(client.slug, 'slug'),
    isActive: flag(client.is_active, 'is_active'),
    timeZone: text(client.timezone, 'timezone'),
    month: text(client.month, 'month'),
    today: text(client.as_of, 'as_of'),
    thisMonth: readSums(record(client.this_month, 'this_month')),
    before: readSums(record(client.previous_to_date, 'previous_to_date')),
    change: optionalAmount(client.billed_change_percent, 'billed_change_percent'),
    monthlyLimit: optionalAmount(client.monthly_limit, 'monthly_limit'),
    held: amount(client.held, 'held'),
    usedPercent: optionalAmount(client.used_percent, 'used_percent'),
    onLimit: oneOf(client.on_limit, 'on_limit', ON_LIMIT),
    members: count(client.members, 'members'),
    key: {
      state: oneOf(key.state, 'key.state', SUMMARY_KEYS),
      label: optionalText(key.label, 'key.label'),
      problem: optionalText(key.problem, 'key.problem') || null,
    },
    lastActivity: optionalText(client.last_activity, 'last_activity'),
    sparkline: readAmounts(client.sparkline),
  };
}

function readAmounts(values: unknown): string[] {
  if (!Array.isArray(values)) throw new TypeError('sparkline is no list');
  return values.map((value, index) => amount(value, `sparkline[${index}]`));
}

function readSums(sums: Fields): MonthSums {
  return {
    billed: amount(sums.billed, 'billed'),
    rawCost: amount(sums.raw_cost, 'raw_cost'),
    profit: amount(sums.profit, 'profit'),
    margin: optionalAmount(sums.profit_margin_percent, 'profit_margin_percent'),
    requests: count(sums.requests, 'requests'),
  };
}

function readNames(body: unknown) {
  return list(record(body, 'body').clients, 'clients', (client) => ({
    id: text(client.id, 'id'),
    name: text(client.name, 'name'),
    timeZone: text(client.timezone, 'timezone'),
  }));
}

function readChanged(body: unknown): Changed {
  const answer = record(body, 'body');
  return {
    organization: readOrganization(record(answer.client, 'client')),
    message: text(answer.message ?? '', 'message'),
  };
}

export function readOrganization(client: Fields): Organization {
  return {
    id: text(client.id, 'id'),
    name: text(client.name, 'name'),
    slug: text(client.slug, 'slug'),
    isActive: flag(client.is_active, 'is_active'),
    timeZone: text(client.timezone, 'timezone'),
    nextTimeZone: optionalText(client.next_timezone, 'next_timezone'),
    nextTimeZoneFrom: optionalInstant(client.next_timezone_from, 'next_timezone_from'),
    billingCurrency: text(client.billing_currency, 'billing_currency'),
    billingEmail: text(client.billing_email, 'billing_email'),
    contacts: list(client.contacts, 'contacts', readContact),
    markupRate: amount(client.markup_rate, 'markup_rate'),
    fixedFee: amount(client.fixed_fee, 'fixed_fee'),
    monthlyLimit: optionalAmount(client.monthly_limit, 'monthly_limit'),
    onLimit: oneOf(client.on_limit, 'on_limit', ON_LIMIT),
    onMeterFailure:
      client.on_meter_failure === null
        ? null
        : oneOf(client.on_meter_failure, 'on_meter_failure', ON_METER_FAILURE),
    notes: text(client.notes, 'notes'),
    createdAt: instant(client.created_at, 'created_at'),
    updatedAt: instant(client.updated_at, 'updated_at'),
    deactivatedAt: optionalInstant(client.deactivated_at, 'deactivated_at'),
    version: count(client.version, 'version'),
    members: count(client.members, 'members'),
    month: text(client.month, 'month'),
    spent: amount(client.spent, 'spent'),
    held: amount(client.held, 'held'),
    key: readKey(record(client.key, 'key')),
  };
}

function readContact(contact: Fields): Contact {
  return {
    name: optionalText(contact.name, 'contact.name') ?? '',
    email: optionalText(contact.email, 'contact.email') ?? '',
    phone: optionalText(contact.phone, 'contact.phone') ?? '',
    role: optionalText(contact.role, 'contact.role') ?? '',
  };
}
