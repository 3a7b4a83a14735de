/** Who the organizations are: for lists that hold ids, and for choosing one. */
import { ask, type Answer } from './http';
import { pageOf, type Page } from './page';
import { flag, text, type Fields } from './read';

export interface OrganizationEntry {
  id: string;
  name: string;
  isActive: boolean;
  billingCurrency: string;
}

const PAGE = 200;

/** All of them, by name. */
export async function fetchDirectory(signal?: AbortSignal): Promise<Answer<OrganizationEntry[]>> {
  const found: OrganizationEntry[] = [];
  for (;;) {
    const query = { offset: found.length, limit: PAGE, sort: 'name' };
    const answer = await ask('/clients', readPage, { query, signal });
    if (!answer.ok) return answer;
    found.push(...answer.value.items);
    const isLast = answer.value.items.length < PAGE || found.length >= answer.value.total;
    if (isLast) return { ok: true, value: found };
  }
}

function readPage(body: unknown): Page<OrganizationEntry> {
  return pageOf(body, 'clients', readEntry);
}

function readEntry(client: Fields): OrganizationEntry {
  return {
    id: text(client.id, 'id'),
    name: text(client.name, 'name'),
    isActive: flag(client.is_active, 'is_active'),
    billingCurrency: text(client.billing_currency, 'billing_currency'),
  };
}
