/** What has happened, in words. Names and the server's own words are isolated: any script fits in. */
import type { Alert, AlertKind, RuleKind, Severity } from '../../client/alerts';
import { isolated } from '../../format/bidi';
import type { MessageKey } from '../../locale/keys';
import type { Locale } from '../../locale/locale';

export const KIND_NAMES: Record<AlertKind, MessageKey> = {
  'limit.threshold_crossed': 'alerts.kindThreshold',
  'limit.reached': 'alerts.kindReached',
  'spend.crossed': 'alerts.kindSpend',
  'usage.spike': 'alerts.kindSpike',
  'usage.quiet': 'alerts.kindQuiet',
  'capture.below': 'alerts.kindCapture',
  'pending.old': 'alerts.kindPending',
  'key.trouble': 'alerts.kindKey',
};

export const RULE_NAMES: Record<RuleKind, MessageKey> = {
  limit: 'alerts.ruleLimit',
  spend: 'alerts.ruleSpend',
  spike: 'alerts.ruleSpike',
  quiet: 'alerts.ruleQuiet',
  capture: 'alerts.ruleCapture',
  pending: 'alerts.rulePending',
  key: 'alerts.ruleKey',
};

export const SEVERITY_NAMES: Record<Severity, MessageKey> = {
  info: 'alerts.info',
  warning: 'alerts.warning',
  critical: 'alerts.critical',
};

export const SEVERITY_TONES = { info: 'info', warning: 'warn', critical: 'bad' } as const;

const SENTENCES: Record<AlertKind, { plain: MessageKey; ofUser: MessageKey }> = {
  'limit.threshold_crossed': { plain: 'alerts.saidThreshold', ofUser: 'alerts.saidThresholdUser' },
  'limit.reached': { plain: 'alerts.saidReached', ofUser: 'alerts.saidReachedUser' },
  'spend.crossed': { plain: 'alerts.saidSpend', ofUser: 'alerts.saidSpendUser' },
  'usage.spike': { plain: 'alerts.saidSpike', ofUser: 'alerts.saidSpikeUser' },
  'usage.quiet': { plain: 'alerts.saidQuiet', ofUser: 'alerts.saidQuietUser' },
  'capture.below': { plain: 'alerts.saidCapture', ofUser: 'alerts.saidCapture' },
  'pending.old': { plain: 'alerts.saidPending', ofUser: 'alerts.saidPending' },
  'key.trouble': { plain: 'alerts.saidKey', ofUser: 'alerts.saidKey' },
};

/** `user` is the name of the user whom the alert is about, if it is about one. */
export function sentenceOf(alert: Alert, user: string, locale: Locale): string {
  if (!(alert.kind in SENTENCES)) return isolated(alert.kind);
  const { plain, ofUser } = SENTENCES[alert.kind as AlertKind];
  const { facts } = alert;
  const day = textOf(facts.day) || textOf(facts.last_day);
  const values = {
    percent: locale.percent(String(alert.percent ?? 100)),
    limit: locale.money(alert.limit),
    spent: locale.money(alert.spent),
    period: periodOf(alert.period, locale),
    day: day && locale.day(day, 'long'),
    hours: locale.count(numberOf(facts.oldest_hours)),
    problem: isolated(textOf(facts.problem)),
    user: isolated(user),
  };
  return locale.t(alert.userId ? ofUser : plain, values, numberOf(facts.calls));
}

/** A month or a day, as an alert has it; empty for none. */
export function periodOf(period: string | null, locale: Locale): string {
  if (!period) return '';
  return period.length > 7 ? locale.day(period, 'long') : locale.month(period);
}

export function kindOf(kind: string, locale: Locale): string {
  return kind in KIND_NAMES ? locale.t(KIND_NAMES[kind as AlertKind]) : kind;
}

function textOf(fact: unknown): string {
  return typeof fact === 'string' ? fact : '';
}

function numberOf(fact: unknown): number {
  return typeof fact === 'number' ? fact : 0;
}
