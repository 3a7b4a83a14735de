/** Webhooks and their deliveries as the server answers them. */

export function webhookBody(more: Record<string, unknown> = {}) {
  return {
    id: 'wh-1',
    url: 'https://hooks.acme.example/mai',
    description: 'Billing system',
    events: ['statement.closed', 'limit.reached'],
    client_id: null,
    enabled: true,
    disabled_at: null,
    disabled_reason: '',
    previous_secret_until: null,
    failing_since: null,
    last_failure_at: null,
    last_success_at: '2026-11-24T09:00:00.000Z',
    paused_until: null,
    created_at: '2026-10-01T08:00:00.000Z',
    updated_at: '2026-10-01T08:00:00.000Z',
    ...more,
  };
}

export function deliveryBody(more: Record<string, unknown> = {}) {
  return {
    id: 41,
    webhook_id: 'wh-1',
    event_id: 'evt_41',
    event_type: 'statement.closed',
    event: { type: 'statement.closed', data: { number: 'MAI-2026-0007', total: '21.50' } },
    state: 'delivered',
    attempts: 1,
    created_at: '2026-11-24T09:00:00.000Z',
    last_attempt_at: '2026-11-24T09:00:01.000Z',
    next_attempt_at: null,
    finished_at: '2026-11-24T09:00:01.000Z',
    status: 204,
    answer: '',
    problem: '',
    duration_ms: 84,
    replay_of: null,
    ...more,
  };
}

export const FAILED_DELIVERY = deliveryBody({
  id: 42,
  event_id: 'evt_42',
  event_type: 'limit.reached',
  state: 'failed',
  attempts: 3,
  next_attempt_at: '2026-11-24T09:35:00.000Z',
  finished_at: null,
  status: 500,
  answer: '<h1>Internal Server Error</h1>',
  problem: 'answered 500',
});
