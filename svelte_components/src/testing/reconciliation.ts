/** Comparisons with OpenRouter's figures as the server answers them. */

export function comparisonBody(more: Record<string, unknown> = {}) {
  return {
    date: '2026-11-22',
    key_hash: '5f2a90c1d4',
    client_id: 'acme',
    status: 'exact',
    reason: '',
    capture_rate: '1',
    is_below: false,
    captured: '12.5',
    adjusted: '0',
    provider: '12.5',
    difference: '0',
    captured_requests: 340,
    provider_requests: 340,
    models: [],
    identified: 0,
    closed_holds: 0,
    checked_at: '2026-11-23T00:40:00.000Z',
    ...more,
  };
}

export const UNEXPLAINED = comparisonBody({
  date: '2026-11-21',
  status: 'unexplained',
  reason: 'OpenRouter shows less than is booked; nothing was booked',
  captured: '9.4',
  provider: '9.1',
  difference: '-0.3',
  captured_requests: 211,
  provider_requests: 209,
  models: [
    {
      model: 'openai/gpt-4o-mini',
      ours: { requests: 12, prompt_tokens: 4000, completion_tokens: 900, raw: '0.9' },
      theirs: { requests: 10, prompt_tokens: 3500, completion_tokens: 800, raw: '0.6' },
    },
  ],
});

export const COMPARISONS = [
  comparisonBody(),
  comparisonBody({ key_hash: '77e0', client_id: null, captured: '1', provider: '1' }),
  UNEXPLAINED,
  comparisonBody({
    date: '2026-11-20',
    status: 'adjusted',
    reason: 'OpenRouter showed more than was booked; the rest was booked',
    is_below: true,
    captured: '9.9',
    adjusted: '0.1',
    provider: '10',
    identified: 3,
    closed_holds: 1,
  }),
  comparisonBody({
    date: '2026-11-19',
    status: 'waiting',
    reason: '4 calls of this day are still being settled',
    captured: '9.995',
    provider: '10',
    difference: '0.005',
  }),
];

export function counterBody(more: Record<string, unknown> = {}) {
  return {
    key_hash: '5f2a90c1d4',
    client_id: 'acme',
    label: 'sk-or-v1-5f2…0c1',
    usage: '812.44',
    difference: '12.5',
    at: '2026-11-24T00:30:00.000Z',
    previous_at: '2026-11-23T00:30:00.000Z',
    ...more,
  };
}

export function broadcastBody(more: Record<string, unknown> = {}) {
  return {
    generation_id: 'gen-1763976000-abc',
    status: 'booked',
    reason: '',
    began_at: '2026-11-24T09:00:00.000Z',
    received_at: '2026-11-24T09:00:04.000Z',
    model: 'openai/gpt-4o-mini',
    provider: 'OpenAI',
    openrouter_user_id: 'acme_user_1',
    key_name: 'acme',
    prompt_tokens: 200,
    completion_tokens: 40,
    raw: '0.000123',
    ...more,
  };
}
