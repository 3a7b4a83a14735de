/** A rule as its form holds it, every value as text, and back as what the server takes. */
import type {
  Channel,
  Level,
  Rule,
  RuleKind,
  RuleParameters,
  RuleSubject,
  RuleTerms,
  Severity,
} from '../../client/alerts';
import { decimalFrom, entryOf } from '../../format/entry';
import type { MessageKey } from '../../locale/keys';

export interface RuleDraft {
  name: string;
  kind: RuleKind;
  level: Level;
  clientId: string;
  userId: string;
  isEnabled: boolean;
  severity: Severity;
  byEmail: boolean;
  byHost: boolean;
  emails: string;
  notifyOrganization: boolean;
  /** Of a limit: the percentages of the settings instead of its own. */
  isUsual: boolean;
  thresholds: string;
  period: 'month' | 'day';
  amounts: string;
  factor: string;
  floor: string;
  basis: 'weekday' | 'days';
  day: 'today' | 'yesterday';
  activeDays: string;
  quietDays: string;
  percent: string;
  hours: string;
}

/** The fields of the form as the server's complaints name them. */
export const RULE_FIELDS = [
  'name',
  'client_id',
  'user_id',
  'emails',
  'channels',
  'parameters.thresholds',
  'parameters.amounts',
  'parameters.factor',
  'parameters.floor',
  'parameters.active_days',
  'parameters.quiet_days',
  'parameters.percent',
  'parameters.hours',
] as const;

export type RuleField = (typeof RULE_FIELDS)[number];
export type Problems = Partial<Record<RuleField, MessageKey>>;

/** Rules of these kinds are about customers; they alone may be told, and be about one user. */
export function isOfCustomers(kind: RuleKind): boolean {
  return kind === 'limit' || kind === 'spend' || kind === 'spike' || kind === 'quiet';
}

/** What the server fills in where nothing is said. */
const USUAL = {
  factor: '3',
  floor: '10',
  active_days: 10,
  quiet_days: 3,
  percent: '99.5',
  hours: 24,
} as const;

export function draftOf(rule: Rule | null, tag: string): RuleDraft {
  const { thresholds, amounts, ...given } = rule?.parameters ?? {};
  const parameters = { ...USUAL, ...given };
  return {
    name: rule?.name ?? '',
    kind: rule?.kind ?? 'spend',
    level: rule?.level ?? 'global',
    clientId: rule?.clientId ?? '',
    userId: rule?.userId ?? '',
    isEnabled: rule?.isEnabled ?? true,
    severity: rule?.severity ?? 'warning',
    byEmail: rule?.channels.includes('email') ?? true,
    byHost: rule?.channels.includes('host') ?? true,
    emails: rule?.emails.join('\n') ?? '',
    notifyOrganization: rule?.notifyOrganization ?? false,
    isUsual: thresholds == null,
    thresholds: thresholds?.join('; ') ?? '',
    period: parameters.period ?? 'month',
    amounts: amounts?.map((amount) => entryOf(amount, tag)).join('; ') ?? '',
    factor: entryOf(parameters.factor, tag),
    floor: entryOf(parameters.floor, tag),
    basis: parameters.basis ?? 'weekday',
    day: parameters.day ?? 'today',
    activeDays: String(parameters.active_days),
    quietDays: String(parameters.quiet_days),
    percent: entryOf(parameters.percent, tag),
    hours: String(parameters.hours),
  };
}

/** What can be seen to be wrong before the server is asked, by field. */
export function problemsOf(draft: RuleDraft, tag: string): Problems {
  const found: Problems = {};
  if (!draft.name.trim()) found.name = 'alerts.needsName';
  if (draft.level === 'organization' && !draft.clientId) found.client_id = 'alerts.needsClient';
  if (draft.level === 'user' && !draft.userId) found.user_id = 'alerts.needsUser';
  return { ...found, ...parameterProblems(draft, tag) };
}

function parameterProblems(draft: RuleDraft, tag: string): Problems {
  const decimal = (text: string) => decimalFrom(text, tag) !== null;
  const problem = (isRight: boolean, field: RuleField, key: MessageKey): Problems =>
    isRight ? {} : { [field]: key };
  switch (draft.kind) {
    case 'limit': {
      const isRight = draft.isUsual || parts(draft.thresholds).every(isWhole);
      return problem(isRight, 'parameters.thresholds', 'alerts.needsPercentages');
    }
    case 'spend': {
      const amounts = amountsIn(draft.amounts);
      const isRight = amounts.length > 0 && amounts.every(decimal);
      return problem(isRight, 'parameters.amounts', 'alerts.needsAmounts');
    }
    case 'spike':
      return {
        ...problem(decimal(draft.factor), 'parameters.factor', 'alerts.needsNumber'),
        ...problem(decimal(draft.floor), 'parameters.floor', 'alerts.needsNumber'),
      };
    case 'quiet':
      return {
        ...problem(isWhole(draft.activeDays), 'parameters.active_days', 'alerts.needsDays'),
        ...problem(isWhole(draft.quietDays), 'parameters.quiet_days', 'alerts.needsDays'),
      };
    case 'capture':
      return problem(decimal(draft.percent), 'parameters.percent', 'alerts.needsNumber');
    case 'pending':
      return problem(isWhole(draft.hours), 'parameters.hours', 'alerts.needsHours');
    case 'key':
      return {};
  }
}

/** Of a draft without problems. */
export function termsOf(draft: RuleDraft, tag: string): RuleTerms {
  const channels: Channel[] = [];
  if (draft.byEmail) channels.push('email');
  if (draft.byHost) channels.push('host');
  return {
    name: draft.name.trim(),
    isEnabled: draft.isEnabled,
    severity: draft.severity,
    parameters: parametersOf(draft, tag),
    channels,
    emails: parts(draft.emails),
    notifyOrganization: draft.notifyOrganization && isOfCustomers(draft.kind),
  };
}

export function subjectOf({ kind, level, clientId, userId }: RuleDraft): RuleSubject {
  return {
    kind,
    level,
    clientId: level === 'organization' ? clientId : null,
    userId: level === 'user' ? userId : null,
  };
}

/** Those of its kind alone: the server refuses others. */
function parametersOf(draft: RuleDraft, tag: string): RuleParameters {
  const decimal = (text: string) => decimalFrom(text, tag) ?? text;
  switch (draft.kind) {
    case 'limit':
      return { thresholds: draft.isUsual ? null : parts(draft.thresholds).map(Number) };
    case 'spend':
      return { period: draft.period, amounts: amountsIn(draft.amounts).map(decimal) };
    case 'spike':
      return {
        factor: decimal(draft.factor),
        floor: decimal(draft.floor),
        basis: draft.basis,
        day: draft.day,
      };
    case 'quiet':
      return { active_days: Number(draft.activeDays), quiet_days: Number(draft.quietDays) };
    case 'capture':
      return { percent: decimal(draft.percent) };
    case 'pending':
      return { hours: Number(draft.hours) };
    case 'key':
      return {};
  }
}

function isWhole(text: string): boolean {
  return /^\d{1,4}$/.test(text.trim());
}

/** What stands between commas, semicolons, per cent signs and white space. */
function parts(text: string): string[] {
  return text.split(/[\s,;%]+/).filter(Boolean);
}

/** A comma inside an amount belongs to it; one before a space does not. */
function amountsIn(text: string): string[] {
  return text
    .split(/;|\n|,(?=\s)/)
    .map((part) => part.trim())
    .filter(Boolean);
}
