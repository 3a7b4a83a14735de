import { readStatement, type Statement } from '../../client/billing';
import type { Story } from '../../gallery/story';
import {
  closedBody,
  HOSTILE_NAME,
  lineBody,
  PLN_RATE,
  rateBody,
  statementBody,
} from '../../testing/billing';
import RateTable from './RateTable.svelte';
import StatementTable from './StatementTable.svelte';
import StatementView from './StatementView.svelte';

const nothing = () => undefined;
const draft = (more: Record<string, unknown> = {}) => readStatement(statementBody(more));

const OBSTACLES = [
  '2 days of 2026-10 are not sealed yet',
  'UTC days not compared with OpenRouter’s figures: 2026-10-30 to 2026-10-31',
];

const month = (): Statement[] => [
  draft(),
  readStatement(closedBody()),
  draft({
    client_id: 'initech',
    buyer: { name: 'Initech', email: '' },
    currency: 'PLN',
    total: '78.51',
    rate: PLN_RATE,
  }),
  draft({
    client_id: 'hooli',
    buyer: { name: 'Hooli', email: '' },
    currency: 'CHF',
    total: null,
    obstacles: [...OBSTACLES, 'there is no rate of CHF for 2026-10-31'],
  }),
  draft({ client_id: 'long', buyer: { name: HOSTILE_NAME, email: '' }, net: '1234567.891' }),
];

export const stories: Story[] = [
  {
    id: 'admin/billing/table/month',
    component: StatementTable,
    props: () => ({ statements: month(), onopen: nothing }),
    width: 'wide',
  },
  {
    id: 'admin/billing/table/phone',
    component: StatementTable,
    props: () => ({ statements: month(), onopen: nothing }),
  },
  {
    id: 'admin/billing/statement/draft',
    component: StatementView,
    props: () => ({ statement: draft({ obstacles: OBSTACLES }) }),
    width: 'wide',
  },
  {
    id: 'admin/billing/statement/closed-with-corrections',
    component: StatementView,
    props: () => ({
      statement: readStatement(
        closedBody({
          currency: 'PLN',
          total: '78.51',
          rate: PLN_RATE,
          force_reason: 'The figures of 30 October never came; agreed with the client.',
          remarks: ['Not compared with the provider’s own figures of 2026-10-30.'],
          lines: [
            lineBody(),
            lineBody({ model: HOSTILE_NAME, billed: '0.000000012' }),
            lineBody({
              kind: 'correction',
              month: '2026-09',
              billed: '-1.25',
              requests: 3,
              reason: '3 adjustments to the provider’s figures, of 2026-09-29',
            }),
          ],
        }),
      ),
    }),
    width: 'wide',
  },
  {
    id: 'admin/billing/statement/nothing-used',
    component: StatementView,
    props: () => ({ statement: draft({ lines: [], net: '0', total: '0.00' }) }),
  },
  {
    id: 'admin/billing/rates/some',
    component: RateTable,
    props: () => ({
      rates: [
        rateBody({ source: 'manual', note: 'Agreed in the contract', rate: '3.7' }),
        rateBody(),
        rateBody({ date: '2026-11-20', source: 'ecb', currency: 'EUR', rate: '0.861205' }),
      ].map((body) => ({
        ...body,
        fetchedAt: 0,
        enteredBy: body.entered_by,
      })),
      onremove: nothing,
    }),
    width: 'wide',
  },
];
