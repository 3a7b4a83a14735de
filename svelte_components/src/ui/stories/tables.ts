import { ODD_NAMES } from '../../gallery/names';
import type { Story } from '../../gallery/story';
import DataTable from '../DataTable.svelte';
import Pager from '../Pager.svelte';
import type { Column } from '../table';

const nothing = () => {};

export interface Client {
  id: string;
  name: string;
  spent: string | null;
  requests: number;
  share: string;
  since: string;
}

const NAMES = ['Łódź Software', 'acme', 'Zażółć', 'Borealis'];

/** Amounts of which floats would make the first two equal. */
const SPENT = ['1234567.000000000002', '1234567.000000000001', null, '9.5'];

export const CLIENTS: Client[] = NAMES.map((name, index) => ({
  id: `org_${index}`,
  name,
  spent: SPENT[index] ?? null,
  requests: [400, 400, 0, 12][index] ?? 0,
  share: ['60.5', '39.4', '0', '0.1'][index] ?? '0',
  since: `2026-0${index + 1}-15`,
}));

export const COLUMNS: Column<Client>[] = [
  { id: 'name', label: 'Organization', value: (row) => row.name, sortable: true, total: '4' },
  {
    id: 'spent',
    label: 'Billed',
    kind: 'money',
    value: (row) => row.spent,
    sortable: true,
    total: '$2,469,143.50',
  },
  {
    id: 'requests',
    label: 'Requests',
    kind: 'count',
    value: (row) => row.requests,
    sortable: true,
  },
  { id: 'share', label: 'Share', kind: 'percent', value: (row) => row.share, priority: 2 },
  { id: 'since', label: 'Since', kind: 'date', value: (row) => row.since, priority: 3 },
];

const TABLE = {
  rows: CLIENTS,
  columns: COLUMNS,
  key: (row: Client) => row.id,
  caption: 'What each organization was billed',
};

const ODD: Client[] = ODD_NAMES.map((name, index) => ({
  id: `odd_${index}`,
  name,
  spent: '123456789012.123456789012',
  requests: 9_007_199_254_740_991,
  share: '100',
  since: '2026-11-24',
}));

export const stories: Story[] = [
  { id: 'ui/data-table/plain', component: DataTable, props: () => TABLE, width: 'wide' },
  {
    id: 'ui/data-table/rows-open',
    component: DataTable,
    props: () => ({
      ...TABLE,
      sort: { column: 'spent', descending: true },
      onrow: nothing,
      selectedKey: 'org_1',
    }),
    width: 'wide',
  },
  { id: 'ui/data-table/dense', component: DataTable, props: () => ({ ...TABLE, dense: true }) },
  {
    id: 'ui/data-table/empty',
    component: DataTable,
    props: () => ({ ...TABLE, rows: [], empty: 'No organization yet' }),
  },
  {
    id: 'ui/data-table/no-match',
    component: DataTable,
    props: () => ({ ...TABLE, search: 'nobody' }),
  },
  {
    id: 'ui/data-table/odd-names',
    component: DataTable,
    props: () => ({ ...TABLE, rows: ODD, onrow: nothing }),
    width: 'wide',
  },
  {
    id: 'ui/data-table/odd-names-narrow',
    component: DataTable,
    props: () => ({ ...TABLE, rows: ODD, onrow: nothing }),
  },
  {
    id: 'ui/pager/first',
    component: Pager,
    props: () => ({ offset: 0, limit: 50, total: 1234, onpage: nothing }),
  },
  {
    id: 'ui/pager/last',
    component: Pager,
    props: () => ({ offset: 1200, limit: 50, total: 1234, onpage: nothing }),
  },
];
