import { readExplanation, readHealth, readStep, readValidation } from '../../client/health';
import type { Story } from '../../gallery/story';
import { HOSTILE_NAME } from '../../testing/billing';
import { healthBody, recordBody, stepBody, TROUBLED_HEALTH } from '../../testing/reseller';
import CheckList from './CheckList.svelte';
import ExplanationView from './ExplanationView.svelte';
import FigureList from './FigureList.svelte';
import HealthSummary from './HealthSummary.svelte';
import JobTable from './JobTable.svelte';
import SlowQueryList from './SlowQueryList.svelte';
import StepList from './StepList.svelte';
import ValidationReport from './ValidationReport.svelte';

const well = readHealth(healthBody());
const troubled = readHealth(TROUBLED_HEALTH);

const validation = {
  status: 'failed',
  organizations: 4,
  days: 120,
  day_differences: [
    {
      client_id: 'acme',
      date: '2026-11-20',
      where: 'sealed day',
      place: ['acme'],
      stored: { requests: 3 },
      recomputed: { requests: 4 },
    },
  ],
  month_differences: [
    {
      client_id: HOSTILE_NAME,
      month: '2026-11',
      user_id: null,
      spent: '1.5',
      used: '1.25',
      held: '0',
      open: '0.1',
    },
  ],
  is_cut: true,
};

const explanation = {
  id: 'gen-1',
  client_id: 'acme',
  client_name: HOSTILE_NAME,
  date: '2026-11-24',
  sentences: ['at 10:00 the user u-1 asked openai/gpt-4o-mini', HOSTILE_NAME],
  hold: { id: 'h-1', state: 'settled', estimate: '0.01' },
  entries: [{ generation_id: 'gen-1', raw: '0.001', billed: '0.0013', source: 'stream' }],
  price_rule: null,
  live_counter: { requests: 2 },
  sealed_day: null,
  month: { month: '2026-11', spent: '12.5', monthly_limit: null },
  reconciliation: null,
  broadcast: null,
  audit: [recordBody()],
};

export const stories: Story[] = [
  { id: 'admin/health/summary/well', component: HealthSummary, props: () => ({ health: well }) },
  {
    id: 'admin/health/summary/troubled',
    component: HealthSummary,
    props: () => ({ health: troubled }),
  },
  {
    id: 'admin/health/summary/unknown',
    component: HealthSummary,
    props: () => ({ health: null }),
  },
  {
    id: 'admin/health/checks/troubled',
    component: CheckList,
    props: () => ({ checks: troubled.checks }),
  },
  {
    id: 'admin/health/jobs',
    component: JobTable,
    props: () => ({ jobs: troubled.jobs }),
    width: 'wide',
  },
  { id: 'admin/health/figures', component: FigureList, props: () => ({ health: troubled }) },
  {
    id: 'admin/health/steps',
    component: StepList,
    props: () => ({
      label: 'Test call',
      steps: [
        stepBody(),
        stepBody({ name: 'entry', status: 'failed', seen: HOSTILE_NAME, advice: 'look there' }),
      ].map(readStep),
    }),
  },
  {
    id: 'admin/health/slow/empty',
    component: SlowQueryList,
    props: () => ({ found: { thresholdMs: 100, items: [] } }),
  },
  {
    id: 'admin/health/slow/full',
    component: SlowQueryList,
    props: () => ({
      found: {
        thresholdMs: 100,
        items: [
          { statement: 'SELECT ? FROM usage_ledger', count: 3, maxMs: 812, meanMs: 310, lastAt: 0 },
        ],
      },
    }),
  },
  {
    id: 'admin/health/validation/differs',
    component: ValidationReport,
    props: () => ({ report: readValidation(validation) }),
  },
  {
    id: 'admin/health/explanation',
    component: ExplanationView,
    props: () => ({ explanation: readExplanation(explanation), onclient: () => undefined }),
    width: 'wide',
  },
];
