/** Alerts, rules and mutes as the server answers them. */

export function alertBody(more: Record<string, unknown> = {}) {
  return {
    id: 7,
    kind: 'limit.threshold_crossed',
    rule_id: 1,
    severity: 'warning',
    client_id: 'acme',
    user_id: null,
    period: '2026-11',
    percent: 80,
    limit: '100',
    spent: '80.25',
    facts: {},
    state: 'open',
    is_muted: false,
    at: '2026-11-24T09:30:00.000Z',
    acknowledged_at: null,
    acknowledged_by: null,
    note: '',
    resolved_at: null,
    resolved_by: null,
    ...more,
  };
}

/** One alert of each kind, and one of a kind that this page does not know. */
export const ALERT_BODIES = [
  alertBody(),
  alertBody({ id: 8, kind: 'limit.reached', severity: 'critical', percent: 100, spent: '100.02' }),
  alertBody({ id: 9, kind: 'spend.crossed', limit: '50', spent: '50.1', user_id: 'u-1' }),
  alertBody({
    id: 10,
    kind: 'usage.spike',
    period: '2026-11-23',
    limit: '3.2',
    spent: '41',
    percent: null,
  }),
  alertBody({
    id: 11,
    kind: 'usage.quiet',
    severity: 'info',
    percent: null,
    period: null,
    facts: { last_day: '2026-11-18', silent_days: 5, active_days: 11 },
  }),
  alertBody({
    id: 12,
    kind: 'capture.below',
    percent: null,
    limit: '10',
    spent: '9.1',
    facts: { day: '2026-11-22', key_hash: 'abc' },
  }),
  alertBody({
    id: 13,
    kind: 'pending.old',
    percent: null,
    period: null,
    facts: { calls: 4, oldest_hours: 31 },
  }),
  alertBody({
    id: 14,
    kind: 'key.trouble',
    severity: 'critical',
    percent: null,
    facts: { problem: 'OpenRouter does not know the key any more' },
  }),
  alertBody({ id: 15, kind: 'moon.full', percent: null, is_muted: true }),
];

export function ruleBody(more: Record<string, unknown> = {}) {
  return {
    id: 1,
    name: 'Limits',
    kind: 'limit',
    level: 'global',
    client_id: null,
    user_id: null,
    is_enabled: true,
    is_builtin: true,
    severity: 'warning',
    parameters: { thresholds: null },
    channels: ['email', 'host'],
    emails: [],
    notify_organization: false,
    ...more,
  };
}

export function muteBody(more: Record<string, unknown> = {}) {
  return {
    id: 3,
    rule_id: 1,
    client_id: 'acme',
    until: '2026-12-01T00:00:00.000Z',
    note: 'Migration week',
    created_at: '2026-11-24T08:00:00.000Z',
    created_by: 'admin-1',
    ...more,
  };
}
