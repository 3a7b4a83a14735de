/** What rules have found, the rules, what is muted, and whether a message would arrive. */
import { ask, type Answer } from './http';
import { pageOf, type Page } from './page';
import {
  amount,
  count,
  flag,
  instant,
  list,
  oneOf,
  optionalCount,
  optionalInstant,
  optionalText,
  record,
  text,
  texts,
  type Fields,
} from './read';

export const ALERT_STATES = ['open', 'acknowledged', 'resolved'] as const;
export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export const LEVELS = ['global', 'organization', 'user'] as const;
export const CHANNELS = ['email', 'host'] as const;
export const RULE_KINDS = [
  'limit',
  'spend',
  'spike',
  'quiet',
  'capture',
  'pending',
  'key',
] as const;
/** What alerts may be of. A server of a later version may know more. */
export const ALERT_KINDS = [
  'limit.threshold_crossed',
  'limit.reached',
  'spend.crossed',
  'usage.spike',
  'usage.quiet',
  'capture.below',
  'pending.old',
  'key.trouble',
] as const;

export type AlertState = (typeof ALERT_STATES)[number];
export type Severity = (typeof SEVERITIES)[number];
export type Level = (typeof LEVELS)[number];
export type Channel = (typeof CHANNELS)[number];
export type RuleKind = (typeof RULE_KINDS)[number];
export type AlertKind = (typeof ALERT_KINDS)[number];

export interface Alert {
  id: number;
  kind: string;
  ruleId: number | null;
  severity: Severity;
  clientId: string;
  userId: string | null;
  /** A month or a day of the organization's zone. */
  period: string | null;
  percent: number | null;
  /** Decimal strings of USD: what was passed, or what the spending is compared with; the spending. */
  limit: string;
  spent: string;
  facts: Fields;
  state: AlertState;
  isMuted: boolean;
  at: number;
  acknowledgedAt: number | null;
  acknowledgedBy: string | null;
  note: string;
  resolvedAt: number | null;
  resolvedBy: string | null;
}

export interface AlertFilter {
  state?: AlertState | '';
  kind?: string;
  client_id?: string;
  severity?: Severity | '';
  offset?: number;
  limit?: number;
}

/** Only those of the rule's kind are there. Amounts and factors are decimal strings. */
export interface RuleParameters {
  thresholds?: number[] | null;
  period?: 'month' | 'day';
  amounts?: string[];
  factor?: string;
  floor?: string;
  basis?: 'weekday' | 'days';
  day?: 'today' | 'yesterday';
  active_days?: number;
  quiet_days?: number;
  percent?: string;
  hours?: number;
}

/** What can be changed of a rule. */
export interface RuleTerms {
  name: string;
  isEnabled: boolean;
  severity: Severity;
  parameters: RuleParameters;
  channels: Channel[];
  emails: string[];
  notifyOrganization: boolean;
}

/** What a rule is about; that stays as it was made. */
export interface RuleSubject {
  kind: RuleKind;
  level: Level;
  clientId: string | null;
  userId: string | null;
}

export interface Rule extends RuleTerms, RuleSubject {
  id: number;
  isBuiltIn: boolean;
}

export interface Mute {
  id: number;
  ruleId: number | null;
  clientId: string | null;
  until: number;
  note: string;
  createdAt: number;
  createdBy: string;
}

export interface NewMute {
  ruleId: number | null;
  clientId: string | null;
  until: number;
  note: string;
}

/** Words of the server's, in English. */
export interface ChannelStep {
  name: string;
  isDone: boolean;
  detail: string;
}

export interface Person {
  id: string;
  name: string;
  email: string;
}

/** Newest first. */
export function fetchAlerts(
  filter: AlertFilter,
  signal?: AbortSignal,
): Promise<Answer<Page<Alert>>> {
  const read = (body: unknown) => pageOf(body, 'alerts', readAlert);
  return ask('/alerts', read, { query: { ...filter }, signal });
}

export function acknowledgeAlert(id: number, note: string): Promise<Answer<Alert>> {
  return handle(id, 'acknowledge', note);
}

export function resolveAlert(id: number, note: string): Promise<Answer<Alert>> {
  return handle(id, 'resolve', note);
}

/** An empty note leaves the one that is there. */
function handle(id: number, deed: 'acknowledge' | 'resolve', note: string): Promise<Answer<Alert>> {
  const read = (body: unknown) => readAlert(record(record(body, 'body').alert, 'alert'));
  return ask(`/alerts/${id}/${deed}`, read, { method: 'POST', body: note ? { note } : {} });
}

const MOST = 200;

/** Those that are built in are among them. */
export async function fetchRules(signal?: AbortSignal): Promise<Answer<Rule[]>> {
  const found: Rule[] = [];
  for (let total = 1; found.length < total;) {
    const query = { offset: found.length, limit: MOST };
    const read = (body: unknown) => pageOf(body, 'rules', readRule);
    const answer = await ask('/alerts/rules', read, { query, signal });
    if (!answer.ok) return answer;
    found.push(...answer.value.items);
    total = answer.value.items.length > 0 ? answer.value.total : 0;
  }
  return { ok: true, value: found };
}

export function createRule(rule: RuleTerms & RuleSubject): Promise<Answer<Rule>> {
  const { kind, level, clientId, userId } = rule;
  const body = { ...wireTerms(rule), kind, level, client_id: clientId, user_id: userId };
  return ask('/alerts/rules', readRuleAnswer, { method: 'POST', body });
}

export function changeRule(id: number, terms: Partial<RuleTerms>): Promise<Answer<Rule>> {
  const options = { method: 'PATCH', body: wireTerms(terms) } as const;
  return ask(`/alerts/rules/${id}`, readRuleAnswer, options);
}

export function removeRule(id: number): Promise<Answer<null>> {
  return ask(`/alerts/rules/${id}`, () => null, { method: 'DELETE' });
}

/** Those that have not ended. */
export function fetchMutes(signal?: AbortSignal): Promise<Answer<Page<Mute>>> {
  const read = (body: unknown) => pageOf(body, 'mutes', readMute);
  return ask('/alerts/mutes', read, { query: { limit: MOST }, signal });
}

export function addMute({ ruleId, clientId, until, note }: NewMute): Promise<Answer<Mute>> {
  const read = (body: unknown) => readMute(record(record(body, 'body').mute, 'mute'));
  const when = new Date(until).toISOString();
  const body = { rule_id: ruleId, client_id: clientId, until: when, note };
  return ask('/alerts/mutes', read, { method: 'POST', body });
}

export function removeMute(id: number): Promise<Answer<null>> {
  return ask(`/alerts/mutes/${id}`, () => null, { method: 'DELETE' });
}

/** Without an address an e-mail goes to those of the settings. */
export function testChannel(channel: Channel, to: string): Promise<Answer<ChannelStep[]>> {
  const read = (body: unknown) => list(record(body, 'body').steps, 'steps', readStep);
  const body = { channel, ...(channel === 'email' && to && { to }) };
  return ask('/alerts/test', read, { method: 'POST', body });
}

/** Members by a part of an id, a name or an address. */
export function findPeople(
  search: string,
  limit: number,
  signal?: AbortSignal,
): Promise<Answer<Person[]>> {
  const read = (body: unknown) => list(record(body, 'body').mappings, 'mappings', readPerson);
  return ask('/user-mappings', read, { query: { search, limit }, signal });
}

export function readAlert(alert: Fields): Alert {
  return {
    id: count(alert.id, 'id'),
    kind: text(alert.kind, 'kind'),
    ruleId: optionalCount(alert.rule_id, 'rule_id'),
    severity: oneOf(alert.severity, 'severity', SEVERITIES),
    clientId: text(alert.client_id, 'client_id'),
    userId: optionalText(alert.user_id, 'user_id'),
    period: optionalText(alert.period, 'period'),
    percent: optionalCount(alert.percent, 'percent'),
    limit: amount(alert.limit, 'limit'),
    spent: amount(alert.spent, 'spent'),
    facts: record(alert.facts, 'facts'),
    state: oneOf(alert.state, 'state', ALERT_STATES),
    isMuted: flag(alert.is_muted, 'is_muted'),
    at: instant(alert.at, 'at'),
    acknowledgedAt: optionalInstant(alert.acknowledged_at, 'acknowledged_at'),
    acknowledgedBy: optionalText(alert.acknowledged_by, 'acknowledged_by'),
    note: text(alert.note, 'note'),
    resolvedAt: optionalInstant(alert.resolved_at, 'resolved_at'),
    resolvedBy: optionalText(alert.resolved_by, 'resolved_by'),
  };
}

function readRuleAnswer(body: unknown): Rule {
  return readRule(record(record(body, 'body').rule, 'rule'));
}

export function readRule(rule: Fields): Rule {
  return {
    id: count(rule.id, 'id'),
    name: text(rule.name, 'name'),
    kind: oneOf(rule.kind, 'kind', RULE_KINDS),
    level: oneOf(rule.level, 'level', LEVELS),
    clientId: optionalText(rule.client_id, 'client_id'),
    userId: optionalText(rule.user_id, 'user_id'),
    isEnabled: flag(rule.is_enabled, 'is_enabled'),
    isBuiltIn: flag(rule.is_builtin, 'is_builtin'),
    severity: oneOf(rule.severity, 'severity', SEVERITIES),
    parameters: record(rule.parameters, 'parameters') as RuleParameters,
    channels: texts(rule.channels, 'channels').map((one) => oneOf(one, 'channels', CHANNELS)),
    emails: texts(rule.emails, 'emails'),
    notifyOrganization: flag(rule.notify_organization, 'notify_organization'),
  };
}

function readMute(mute: Fields): Mute {
  return {
    id: count(mute.id, 'id'),
    ruleId: optionalCount(mute.rule_id, 'rule_id'),
    clientId: optionalText(mute.client_id, 'client_id'),
    until: instant(mute.until, 'until'),
    note: text(mute.note, 'note'),
    createdAt: instant(mute.created_at, 'created_at'),
    createdBy: text(mute.created_by, 'created_by'),
  };
}

function readStep(step: Fields): ChannelStep {
  return {
    name: text(step.name, 'name'),
    isDone: flag(step.is_done, 'is_done'),
    detail: text(step.detail, 'detail'),
  };
}

function readPerson(mapping: Fields): Person {
  return {
    id: text(mapping.user_id, 'user_id'),
    name: text(mapping.name, 'name'),
    email: text(mapping.email, 'email'),
  };
}

function wireTerms(terms: Partial<RuleTerms>): Fields {
  const { isEnabled, notifyOrganization, ...plain } = terms;
  return {
    ...(plain.name !== undefined && { name: plain.name }),
    ...(plain.severity && { severity: plain.severity }),
    ...(plain.parameters && { parameters: plain.parameters }),
    ...(plain.channels && { channels: plain.channels }),
    ...(plain.emails && { emails: plain.emails }),
    ...(isEnabled !== undefined && { is_enabled: isEnabled }),
    ...(notifyOrganization !== undefined && { notify_organization: notifyOrganization }),
  };
}
