/** Organizations, members, prices and keys as the server answers them. */

export const SUMS = {
  billed: '412.5',
  raw_cost: '317.31',
  profit: '95.19',
  profit_margin_percent: '23.1',
  requests: 1240,
  tokens: 820_000,
};

export const HOSTILE_NAME = `<img src=x onerror=alert(1)> ${'very long name '.repeat(12)}`;

export function summaryBody(more: Record<string, unknown> = {}) {
  return {
    client_id: 'acme',
    client_name: 'Acme',
    slug: 'acme',
    status: 'active',
    is_active: true,
    timezone: 'Europe/Warsaw',
    month: '2026-11',
    as_of: '2026-11-24',
    this_month: SUMS,
    previous_to_date: { ...SUMS, billed: '366.67' },
    billed_change_percent: '12.5',
    monthly_limit: '500',
    held: '0.2',
    used_percent: '82.5',
    on_limit: 'block',
    members: 12,
    key: { state: 'active', label: 'sk-or-v1-abc…xyz', problem: null },
    last_activity: '2026-11-24',
    sparkline: Array.from({ length: 30 }, (_, day) => String((day * 7) % 20)),
    ...more,
  };
}

export function pageBody(clients: unknown[], total = clients.length) {
  return { clients, totals: SUMS, previous_totals: SUMS, total, offset: 0, limit: 25 };
}

export function keyBody(more: Record<string, unknown> = {}) {
  return {
    state: 'active',
    hash: 'h',
    label: 'sk-or-v1-abc…xyz',
    problem: null,
    checked_at: '2026-11-24T09:00:00Z',
    is_pending: false,
    retires_at: null,
    ...more,
  };
}

export function organizationBody(more: Record<string, unknown> = {}) {
  return {
    id: 'acme',
    name: 'Acme',
    slug: 'acme',
    status: 'active',
    is_active: true,
    timezone: 'Europe/Warsaw',
    next_timezone: null,
    next_timezone_from: null,
    billing_currency: 'USD',
    billing_email: 'billing@acme.example',
    contacts: [{ name: 'Anna', email: 'anna@acme.example' }],
    markup_rate: '1.3',
    fixed_fee: '0',
    monthly_limit: '500',
    on_limit: 'block',
    on_meter_failure: null,
    notes: '',
    created_at: '2026-01-02T08:00:00Z',
    updated_at: '2026-11-01T08:00:00Z',
    deactivated_at: null,
    version: 3,
    members: 12,
    month: '2026-11',
    spent: '412.5',
    held: '0.2',
    key: keyBody(),
    ...more,
  };
}

export function mappingBody(more: Record<string, unknown> = {}) {
  return {
    user_id: 'u1',
    name: 'Anna Nowak',
    email: 'anna@acme.example',
    is_deleted: false,
    is_active: true,
    client_org_id: 'acme',
    role: 'member',
    monthly_limit: null,
    openrouter_user_id: 'or1',
    valid_from: '2026-02-01T08:00:00Z',
    valid_to: null,
    source: 'admin',
    ...more,
  };
}

export function memberBody(more: Record<string, unknown> = {}, history: unknown[] = []) {
  const mapping = mappingBody(more);
  return { mapping, history: [mapping, ...history] };
}

export function reportBody(group: 'day' | 'user' | 'model', values: string[]) {
  const { billed, ...sums } = SUMS;
  const measures = {
    ...sums,
    markup_cost: billed,
    total_requests: SUMS.requests,
    total_tokens: SUMS.tokens,
  };
  return {
    period: { from: '2026-10-26', to: '2026-11-24', days: 30 },
    totals: measures,
    comparison: { markup_cost_change_percent: '12.5' },
    lines: values.map((value) => ({
      ...measures,
      group: { [group]: value },
      user_name: group === 'user' && value ? `Name of ${value}` : null,
      user_email: null,
    })),
    total: values.length,
  };
}

export function ruleBody(more: Record<string, unknown> = {}) {
  return {
    id: 1,
    client_id: 'acme',
    model_pattern: null,
    effective_from: '2026-01-02T08:00:00Z',
    markup_rate: '1.3',
    fixed_fee: '0',
    ...more,
  };
}

export function previewBody() {
  const sums = {
    requests: 10,
    raw_cost: '10',
    billed: '13',
    new_billed: '14',
    difference: '1',
  };
  return {
    ...sums,
    client_id: 'acme',
    month: '2026-10',
    models: [
      { ...sums, model: 'openai/gpt-5', is_affected: true },
      { ...sums, model: 'openai/gpt-5-mini', difference: '0', is_affected: false },
    ],
  };
}
