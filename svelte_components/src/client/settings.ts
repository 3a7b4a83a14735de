/** The settings that the database may hold; what it does not hold, the environment says. */
import { ask, type Answer } from './http';
import { amount, count, list, oneOf, optionalText, record, text, texts, type Fields } from './read';

export const SETTING_NAMES = [
  'openrouter_provisioning_key',
  'default_markup_rate',
  'billing_currency',
  'timezone',
  'default_hold',
  'commit_wait_ms',
  'alert_thresholds',
  'alert_emails',
  'rate_limit',
  'assignment_rules',
  'seller_name',
  'seller_address',
  'seller_tax_id',
  'seller_email',
  'seller_note',
  'statement_prefix',
  'auto_close_statements',
  'fx_sources',
] as const;

export type SettingName = (typeof SETTING_NAMES)[number];

const SOURCES = ['database', 'environment', 'default'] as const;
export type SettingSource = (typeof SOURCES)[number];

const KINDS = ['email_domain', 'group'] as const;
const ROLES = ['member', 'manager'] as const;

/** Where a user goes whom nobody has mapped; the first rule that fits decides. */
export interface AssignmentRule {
  kind: (typeof KINDS)[number];
  value: string;
  client_org_id: string;
  role: (typeof ROLES)[number];
}

/** Named as on the wire, so that a form's fields, a change and a problem have one name each. */
export interface SettingValues {
  /** Masked; null where there is none. */
  openrouter_provisioning_key: string | null;
  default_markup_rate: string;
  billing_currency: string;
  timezone: string;
  /** Decimal string of USD. */
  default_hold: string;
  commit_wait_ms: number;
  alert_thresholds: number[];
  alert_emails: string[];
  rate_limit: number;
  assignment_rules: AssignmentRule[];
  seller_name: string;
  seller_address: string;
  seller_tax_id: string;
  seller_email: string;
  seller_note: string;
  statement_prefix: string;
  /** `off`, or the first month to close by itself. */
  auto_close_statements: string;
  /** By currency. */
  fx_sources: Record<string, string>;
}

export interface Settings {
  values: SettingValues;
  sources: Record<string, SettingSource>;
  /** Sentences about stored values that cannot be used. */
  problems: string[];
  /** For `If-Match`. */
  version: string | null;
}

/** Null takes the database's value away. */
export type SettingChanges = { [Name in SettingName]?: SettingValues[Name] | null } & {
  /** Lets the markup be below 1. */
  allow_loss?: boolean;
};

export function fetchSettings(signal?: AbortSignal): Promise<Answer<Settings>> {
  return ask('/settings', readSettings, { signal });
}

/** All of the changes are made or none; `changed` where somebody else was faster. */
export function saveSettings(
  changes: SettingChanges,
  version: string | null,
): Promise<Answer<Settings>> {
  return ask('/settings', readSettings, { method: 'POST', body: changes, ifMatch: version });
}

export function readSettings(body: unknown, headers: Headers): Settings {
  const answer = record(body, 'body');
  const sources = Object.entries(record(answer.sources, 'sources'));
  return {
    values: readValues(answer),
    sources: Object.fromEntries(
      sources.map(([name, source]) => [name, oneOf(source, `sources.${name}`, SOURCES)]),
    ),
    problems: texts(answer.problems, 'problems'),
    version: headers.get('ETag'),
  };
}

function readValues(answer: Fields): SettingValues {
  const said = (name: SettingName) => text(answer[name], name);
  const fx = Object.entries(record(answer.fx_sources, 'fx_sources'));
  return {
    openrouter_provisioning_key: optionalText(
      answer.openrouter_provisioning_key,
      'openrouter_provisioning_key',
    ),
    default_markup_rate: amount(answer.default_markup_rate, 'default_markup_rate'),
    billing_currency: said('billing_currency'),
    timezone: said('timezone'),
    default_hold: amount(answer.default_hold, 'default_hold'),
    commit_wait_ms: count(answer.commit_wait_ms, 'commit_wait_ms'),
    alert_thresholds: numbers(answer.alert_thresholds, 'alert_thresholds'),
    alert_emails: texts(answer.alert_emails, 'alert_emails'),
    rate_limit: count(answer.rate_limit, 'rate_limit'),
    assignment_rules: list(answer.assignment_rules, 'assignment_rules', readRule),
    seller_name: said('seller_name'),
    seller_address: said('seller_address'),
    seller_tax_id: said('seller_tax_id'),
    seller_email: said('seller_email'),
    seller_note: said('seller_note'),
    statement_prefix: said('statement_prefix'),
    auto_close_statements: said('auto_close_statements'),
    fx_sources: Object.fromEntries(fx.map(([name, value]) => [name, text(value, name)])),
  };
}

function readRule(rule: Fields): AssignmentRule {
  return {
    kind: oneOf(rule.kind, 'kind', KINDS),
    value: text(rule.value, 'value'),
    client_org_id: text(rule.client_org_id, 'client_org_id'),
    role: oneOf(rule.role, 'role', ROLES),
  };
}

function numbers(value: unknown, name: string): number[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} is no list`);
  return value.map((item) => count(item, name));
}
