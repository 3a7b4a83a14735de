/** Statements and rates as the server answers them. */

export const HOSTILE_NAME =
  '<img src=x onerror=alert(1)> שלום Überlandgesellschaft-für-Rechenzentrumsdienstleistungen 🦜 '.repeat(
    2,
  );

export function lineBody(more: Record<string, unknown> = {}) {
  return {
    kind: 'usage',
    month: '2026-10',
    model: 'anthropic/claude-sonnet-4',
    requests: 1204,
    prompt_tokens: 802_114,
    completion_tokens: 91_002,
    billed: '17.203400000012',
    reason: '',
    ...more,
  };
}

export function statementBody(more: Record<string, unknown> = {}) {
  return {
    id: '',
    number: '',
    month: '2026-10',
    timezone: 'Europe/Warsaw',
    issued_on: '2026-11-24',
    closed_at: null,
    currency: 'USD',
    net: '21.5034',
    total: '21.50',
    rate: null,
    rounding: 'half-even, once, on the total',
    seller: {
      name: 'mAI sp. z o.o.',
      address: 'ul. Prosta 1\n00-850 Warszawa',
      tax_id: 'PL5250001090',
      email: 'billing@mai.example',
      note: '',
    },
    buyer: { name: 'Acme', email: 'invoices@acme.example' },
    lines: [lineBody(), lineBody({ model: 'openai/gpt-4o-mini', requests: 310, billed: '4.3' })],
    remarks: [],
    force_reason: '',
    client_id: 'acme',
    state: 'draft',
    closed_by: '',
    obstacles: [],
    ...more,
  };
}

export function closedBody(more: Record<string, unknown> = {}) {
  return statementBody({
    id: 'st-1',
    number: 'MAI-2026-0007',
    state: 'closed',
    closed_at: '2026-11-03T08:00:00.000Z',
    closed_by: 'admin-1',
    client_id: 'globex',
    buyer: { name: 'Globex', email: 'ap@globex.example' },
    ...more,
  });
}

export const PLN_RATE = {
  rate: '3.6512',
  date: '2026-10-30',
  source: 'Narodowy Bank Polski, table 211/A/NBP/2026',
  note: '',
};

export function rateBody(more: Record<string, unknown> = {}) {
  return {
    currency: 'PLN',
    date: '2026-11-23',
    source: 'nbp',
    rate: '3.6734',
    note: '226/A/NBP/2026',
    fetched_at: '2026-11-23T12:31:00.000Z',
    entered_by: '',
    ...more,
  };
}

export function entryBody(more: Record<string, unknown> = {}) {
  return { id: 'acme', name: 'Acme', is_active: true, billing_currency: 'USD', ...more };
}

/** One page that holds all there is. */
export function pageBody(name: string, items: unknown[]) {
  return { success: true, [name]: items, total: items.length, offset: 0, limit: 200 };
}
