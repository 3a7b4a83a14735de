/** Answers of the server as the overview, the guide, health, audit and settings ask for them. */
import { HOSTILE_NAME, pageBody } from './billing';

type Body = Record<string, unknown>;

const PERIOD = { from: '2026-10-26', to: '2026-11-24', days: 30 };

export function checkBody(more: Body = {}): Body {
  return { name: 'database', status: 'ok', seen: 'the database answered', advice: '', ...more };
}

export function jobBody(more: Body = {}): Body {
  return {
    name: 'sealing',
    every_seconds: 300,
    shared: true,
    process: 'host-1',
    last_run: '2026-11-24T10:00:00Z',
    last_success: '2026-11-24T10:00:00Z',
    last_error: null,
    is_overdue: false,
    ...more,
  };
}

export function healthBody(more: Body = {}): Body {
  return {
    status: 'ok',
    version: '1.2.0',
    reasons: [],
    checks: [checkBody(), checkBody({ name: 'writer', seen: '0 of 1000 changes wait' })],
    queue_depth: 3,
    unsettled: { open: 2 },
    counts: { 'calls refused': 4 },
    jobs: [jobBody()],
    redis: 'off',
    ...more,
  };
}

export const TROUBLED_HEALTH = healthBody({
  status: 'degraded',
  checks: [
    checkBody(),
    checkBody({
      name: 'clocks',
      status: 'degraded',
      seen: "this machine's clock is 9.0 s ahead of the database's",
      advice: 'switch on time synchronisation',
    }),
    checkBody({ name: `job ${HOSTILE_NAME}`, status: 'down', seen: HOSTILE_NAME }),
  ],
  unsettled: { unpriced: 1, pending: 12 },
  jobs: [
    jobBody(),
    jobBody({ name: 'keys', last_error: HOSTILE_NAME, last_success: null }),
    jobBody({ name: 'rates', is_overdue: true }),
    jobBody({ name: 'export', last_run: null, last_success: null, shared: false }),
  ],
});

export function stepBody(more: Body = {}): Body {
  return { name: 'call', status: 'ok', ms: 812, seen: 'OpenRouter answered', advice: '', ...more };
}

export function recordBody(more: Body = {}): Body {
  return {
    seq: 7,
    at: '2026-11-24T10:00:00Z',
    actor: { kind: 'user', id: 'ada', address: '10.0.0.1' },
    action: 'organization.changed',
    target_kind: 'organization',
    target_id: 'acme',
    before: { monthly_limit: '100', notes: 'same' },
    after: { monthly_limit: '250', notes: 'same', contacts: [{ name: 'Ola' }] },
    hash: 'a'.repeat(64),
    ...more,
  };
}

export function verdictBody(more: Body = {}): Body {
  return {
    success: true,
    is_intact: true,
    rows: 12,
    seq: null,
    reason: '',
    head_seq: 12,
    head_hash: 'b'.repeat(64),
    ...more,
  };
}

export function settingsBody(more: Body = {}): Body {
  return {
    success: true,
    message: '',
    openrouter_provisioning_key: 'sk-or-v1-…abc',
    default_markup_rate: '1.3',
    billing_currency: 'USD',
    timezone: 'UTC',
    default_hold: '0.01',
    commit_wait_ms: 250,
    alert_thresholds: [80, 100],
    alert_emails: ['ops@example.com'],
    rate_limit: 120,
    assignment_rules: [
      { kind: 'email_domain', value: 'example.com', client_org_id: 'acme', role: 'member' },
    ],
    seller_name: '',
    seller_address: '',
    seller_tax_id: '',
    seller_email: '',
    seller_note: '',
    statement_prefix: 'S',
    auto_close_statements: 'off',
    fx_sources: { PLN: 'nbp' },
    sources: { default_markup_rate: 'database', timezone: 'environment' },
    problems: [],
    ...more,
  };
}

const STEPS = ['provisioning_key', 'pricing', 'organization', 'members', 'test_call'];

/** The steps that are named are done. */
export function setupBody(...done: string[]): Body {
  const steps = STEPS.map((step) => ({
    step,
    state: done.includes(step) ? 'done' : 'todo',
    detail: `What was seen of ${step}.`,
  }));
  return { success: true, message: '', is_complete: done.length === STEPS.length, steps };
}

export const COMPLETE_SETUP = setupBody(...STEPS);

function totalsBody(revenue: string): Body {
  return { markup_cost: revenue, profit: '1', total_requests: 3 };
}

function lineBody(period: string, revenue: string): Body {
  return {
    period,
    revenue,
    raw_cost: '10',
    profit: '3',
    profit_margin_percent: '23.08',
    requests: 5,
  };
}

export function revenueBody(more: Body = {}): Body {
  return {
    period: PERIOD,
    group_by: 'day',
    lines: [lineBody('2026-11-23', '13'), lineBody('2026-11-24', '26.000001')],
    totals: lineBody('', '39.000001'),
    comparison: {
      period: { from: '2026-09-26', to: '2026-10-25', days: 30 },
      total: totalsBody('20'),
      markup_cost_change_percent: '95',
    },
    ...more,
  };
}

export function forecastBody(): Body {
  return {
    month: '2026-11',
    as_of: '2026-11-24',
    so_far: '39',
    low: '45',
    expected: '50',
    high: '55',
  };
}

export function clientSumBody(more: Body = {}): Body {
  return {
    client_id: 'acme',
    client_name: 'Acme',
    markup_cost: '30',
    profit: '7',
    profit_margin_percent: '23.3',
    total_requests: 4,
    ...more,
  };
}

export function summaryBody(more: Body = {}): Body {
  return {
    period: { from: '2026-11-01', to: '2026-11-24', days: 24 },
    summary: {
      total_markup_cost: '39',
      total_raw_cost: '30',
      total_profit: '9',
      profit_margin_percent: '23.08',
      total_requests: 10,
      total_tokens: 1_000,
      active_clients: 2,
    },
    comparison: { markup_cost_change_percent: '-4' },
    clients: [clientSumBody(), clientSumBody({ client_id: 'x', client_name: HOSTILE_NAME })],
    total: 2,
    ...more,
  };
}

export function activityBody(names: string[]): Body {
  const clients = names.map((name) => ({
    client_id: name,
    client_name: name,
    change_percent: '40',
    recent_requests: 9,
    recent_cost: '5',
    before_cost: '12',
  }));
  return { ...pageBody('clients', clients), until: '2026-11-23' };
}

/** Everything the overview asks for, of a reseller with nothing to worry about. */
export const OVERVIEW_ROUTES = {
  'GET /health': { body: healthBody() },
  'GET /alerts': { body: pageBody('alerts', []) },
  'GET /usage/by-client': { body: pageBody('clients', []) },
  'GET /keys': { body: pageBody('keys', []) },
  'GET /reconciliations': { body: pageBody('reconciliations', []) },
  'GET /usage/forecast': { body: forecastBody() },
  'GET /usage/summary': { body: summaryBody() },
  'GET /usage/revenue': { body: revenueBody() },
  'GET /usage/activity': { body: activityBody(['Grown']) },
};
