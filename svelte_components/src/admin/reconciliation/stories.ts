import { readReconciliation } from '../../client/reconciliation';
import type { Story } from '../../gallery/story';
import { HOSTILE_NAME } from '../../testing/billing';
import { COMPARISONS, comparisonBody } from '../../testing/reconciliation';
import CaptureChart from './CaptureChart.svelte';
import { captureByDay } from './capture';
import FindingTable from './FindingTable.svelte';

const nothing = () => undefined;

/** A month: whole but for a few days, and one day of nothing. */
const MONTH = Array.from({ length: 30 }, (_, index) =>
  comparisonBody({
    date: new Date(Date.UTC(2026, 9, 25 + index)).toISOString().slice(0, 10),
    captured: index === 12 ? '0' : String(10 - ((index * 7) % 5) / 100),
    provider: index === 12 ? '0' : '10',
    status: index === 20 ? 'unexplained' : 'exact',
  }),
).map(readReconciliation);

export const stories: Story[] = [
  {
    id: 'admin/reconciliation/chart/month',
    component: CaptureChart,
    props: () => ({ days: captureByDay(MONTH) }),
    width: 'wide',
  },
  {
    id: 'admin/reconciliation/table/findings',
    component: FindingTable,
    props: () => ({
      lines: COMPARISONS.map(readReconciliation),
      nameOf: (id: string | null) => (id === null ? 'A key of no organization' : 'Acme'),
      onopen: nothing,
    }),
    width: 'wide',
  },
  {
    id: 'admin/reconciliation/table/hostile-name',
    component: FindingTable,
    props: () => ({
      lines: COMPARISONS.slice(0, 1).map(readReconciliation),
      nameOf: () => HOSTILE_NAME,
      onopen: nothing,
    }),
  },
];
