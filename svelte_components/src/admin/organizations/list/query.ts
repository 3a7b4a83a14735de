/** What of the list is shown, as the address has it; whatever stands there, it is a query. */
import type { OrganizationSort, OrganizationsQuery } from '../../../client/organizations';
import type { Sort } from '../../../ui/table';

export const PAGE_SIZE = 25;

export type StatusFilter = 'all' | 'active' | 'deactivated';

const STATUSES: readonly StatusFilter[] = ['all', 'active', 'deactivated'];

/** The table's columns that the server can sort by. */
const SORTS: Record<string, OrganizationSort> = {
  name: 'name',
  spend: 'spend',
  limit: 'limit_used',
  profit: 'profit',
  activity: 'last_activity',
};

export const FIRST_SORT: Sort = { column: 'spend', descending: true };

export function sortOf(text: string | undefined): Sort {
  const column = text?.replace(/^-/, '') ?? '';
  return Object.hasOwn(SORTS, column)
    ? { column, descending: text?.startsWith('-') === true }
    : FIRST_SORT;
}

/** For the address; the order everybody begins with is not worth a word there. */
export function textOfSort({ column, descending }: Sort): string | null {
  const text = `${descending ? '-' : ''}${column}`;
  return text === '-spend' ? null : text;
}

export function statusOf(text: string | undefined): StatusFilter {
  return STATUSES.find((status) => status === text) ?? 'active';
}

export function queryOf(params: Readonly<Record<string, string>>): OrganizationsQuery {
  const { column, descending } = sortOf(params.sort);
  const status = statusOf(params.status);
  const offset = Number(params.offset);
  return {
    search: params.q?.slice(0, 200) ?? '',
    status: status === 'all' ? null : status,
    sort: SORTS[column] ?? 'spend',
    descending,
    offset: Number.isSafeInteger(offset) && offset > 0 && offset < 1e9 ? offset : 0,
    limit: PAGE_SIZE,
  };
}
