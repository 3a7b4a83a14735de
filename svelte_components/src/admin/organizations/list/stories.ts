import { readPage, type OrganizationSummary } from '../../../client/organizations';
import type { Story } from '../../../gallery/story';
import { HOSTILE_NAME, pageBody, summaryBody } from '../../../testing/organizations';
import OrganizationTable from './OrganizationTable.svelte';
import { FIRST_SORT } from './query';

const nothing = () => undefined;

const table = (...bodies: Record<string, unknown>[]) => ({
  clients: readPage(pageBody(bodies)).clients satisfies OrganizationSummary[],
  sort: FIRST_SORT,
  onsort: nothing,
  onopen: nothing,
  onedit: nothing,
  ondeactivate: nothing,
  onreactivate: nothing,
});

const LOSS = { billed: '10', raw_cost: '12.5', profit: '-2.5', profit_margin_percent: '-25' };
const UNUSED = { billed: '0', raw_cost: '0', profit: '0', profit_margin_percent: null };

export const stories: Story[] = [
  {
    id: 'organizations/table/states',
    component: OrganizationTable,
    width: 'wide',
    props: () =>
      table(
        summaryBody(),
        summaryBody({ client_id: 'over', client_name: 'Over', used_percent: '101' }),
        summaryBody({
          client_id: 'loss',
          client_name: 'Loss & Sons',
          this_month: { ...LOSS, requests: 3, tokens: 10 },
          monthly_limit: null,
          used_percent: null,
          key: { state: 'none', label: null, problem: null },
        }),
        summaryBody({
          client_id: 'gone',
          client_name: 'Gone',
          is_active: false,
          this_month: { ...UNUSED, requests: 0, tokens: 0 },
          billed_change_percent: null,
          sparkline: Array.from({ length: 30 }, () => '0'),
          key: { state: 'disabled', label: 'sk-or-v1-abc…xyz', problem: null },
        }),
        summaryBody({
          client_id: 'lost',
          client_name: 'Lost key',
          key: { state: 'problem', label: null, problem: 'OpenRouter does not know it' },
        }),
      ),
  },
  {
    id: 'organizations/table/hostile-names',
    component: OrganizationTable,
    width: 'wide',
    props: () =>
      table(
        summaryBody({ client_name: HOSTILE_NAME }),
        summaryBody({ client_id: 'rtl', client_name: 'شركة النور للتجارة ' + '123' }),
      ),
  },
];
