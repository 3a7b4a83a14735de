import { readMyOrganization, type Limit, type MyOrganization } from '../client/my-organization';

export const TODAY = '2026-11-24';

/** An answer as the server sends it: thirty days up to 24 November 2026, weekends without usage. */
export function sampleBody() {
  const history = Array.from({ length: 30 }, (_, index) => {
    const day = new Date(Date.UTC(2026, 9, 26 + index));
    const quiet = day.getUTCDay() % 6 === 0;
    return {
      date: day.toISOString().slice(0, 10),
      tokens: quiet ? 0 : 100 * (index + 1),
      cost: quiet ? '0' : `0.0${index + 10}`,
      requests: quiet ? 0 : index + 1,
      is_imported: false,
    };
  });
  return {
    success: true,
    client_id: 'org_1',
    role: 'manager',
    user_id: 'user_1',
    is_active: true,
    server_time: '2026-11-24T10:15:31.000Z',
    hint: null as string | null,
    limit: {
      monthly_limit: '2000' as string | null,
      spent: '1234.565',
      held: '0.02',
      remaining: '765.415' as string | null,
      used_percent: '61.72825' as string | null,
      resets_at: '2026-11-30T23:00:00Z',
      on_limit: 'block',
    },
    own_limit: null as object | null,
    stats: {
      client_org_name: 'Acme',
      currency: 'USD',
      time_zone: 'Europe/Warsaw',
      today: {
        date: TODAY,
        tokens: 7072,
        prompt_tokens: 5050,
        completion_tokens: 2022,
        cost: '0.000123456',
        requests: 4,
        pending_requests: 1,
        last_updated: '2026-11-24T10:15:30.123Z' as string | null,
      },
      this_month: {
        month: '2026-11',
        tokens: 720000,
        cost: '1234.565',
        requests: 400,
        days_active: 12,
        days_elapsed: 24,
        average_daily_cost: '0.10',
        average_daily_tokens: 600,
        limit_reached_on: null as string | null,
        forecast: { low: '1500', expected: '1610.25', high: '1790' },
        last_month: { month: '2026-10', cost_to_date: '1100' },
      },
      daily_history: history,
    },
  };
}

export function sampleUsage(change: Partial<MyOrganization> = {}): MyOrganization {
  return { ...readMyOrganization(sampleBody()), ...change };
}

export function sampleLimit(change: Partial<Limit> = {}): Limit {
  return { ...sampleUsage().limit, ...change };
}

export const NO_LIMIT = sampleLimit({ monthlyLimit: null, remaining: null, usedPercent: null });

/** The answer of an organization that has not begun. */
export function unusedUsage(): MyOrganization {
  const usage = sampleUsage();
  const nothing = { tokens: 0, cost: '0', requests: 0 };
  return {
    ...usage,
    limit: sampleLimit({ spent: '0', held: '0', remaining: '2000', usedPercent: '0' }),
    today: { ...usage.today, ...nothing, pendingRequests: 0, lastUpdated: null },
    month: {
      ...usage.month,
      ...nothing,
      daysActive: 0,
      forecast: { low: '0', expected: '0', high: '0' },
      lastMonthToDate: '0',
    },
    history: usage.history.map((day) => ({ ...day, ...nothing })),
  };
}
