import { readAuditRecord } from '../../client/audit';
import type { Story } from '../../gallery/story';
import { HOSTILE_NAME } from '../../testing/billing';
import { recordBody } from '../../testing/reseller';
import AuditFilters from './AuditFilters.svelte';
import AuditList from './AuditList.svelte';

const nothing = () => undefined;

export const stories: Story[] = [
  {
    id: 'admin/audit/list',
    component: AuditList,
    props: () => ({
      records: [
        recordBody(),
        recordBody({
          seq: 6,
          action: 'unheard.of',
          actor: { kind: 'system', id: 'mai-usage', address: '' },
          target_id: HOSTILE_NAME,
          before: null,
          after: { name: HOSTILE_NAME, is_active: true },
        }),
        recordBody({ seq: 5, before: { name: 'Acme' }, after: null }),
        recordBody({ seq: 4, before: null, after: null }),
      ].map(readAuditRecord),
      onactor: nothing,
      ontarget: nothing,
    }),
    width: 'wide',
  },
  {
    id: 'admin/audit/filters',
    component: AuditFilters,
    props: () => ({ params: { actor: HOSTILE_NAME, from: '2026-11-01' }, onchange: nothing }),
    width: 'wide',
  },
];
