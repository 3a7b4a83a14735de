import { parseUsage, type OrganizationUsage } from '../client/usage';

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
    stats: {
      client_org_name: 'Acme',
      currency: 'USD',
      time_zone: 'Europe/Warsaw',
      today: {
        date: '2026-11-24',
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
      },
      daily_history: history,
    },
  };
}

export function sampleUsage(): OrganizationUsage {
  return parseUsage(sampleBody());
}

/** The answer of an organization that has not begun. */
export function unusedUsage(): OrganizationUsage {
  const usage = sampleUsage();
  const nothing = { tokens: 0, cost: '0', requests: 0 };
  return {
    ...usage,
    today: { ...usage.today, ...nothing, pendingRequests: 0, lastUpdated: null },
    month: { ...usage.month, ...nothing, daysActive: 0 },
    history: usage.history.map((day) => ({ ...day, ...nothing })),
  };
}
