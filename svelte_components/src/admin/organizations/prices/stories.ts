import { readPreview, readRule } from '../../../client/prices';
import type { Story } from '../../../gallery/story';
import { previewBody, ruleBody } from '../../../testing/organizations';
import PricePreview from './PricePreview.svelte';
import PriceTable, { type StandingRule } from './PriceTable.svelte';

const rule = (
  id: number,
  standing: StandingRule['standing'],
  more: Record<string, unknown> = {},
): StandingRule => ({ ...readRule(ruleBody({ id, ...more })), standing });

const RULES = [
  rule(1, 'in-force'),
  rule(2, 'in-force', { model_pattern: 'anthropic/*', markup_rate: '1.4', fixed_fee: '0.01' }),
  rule(3, 'planned', { markup_rate: '1.35', effective_from: '2030-01-01T00:00:00Z' }),
  rule(4, 'replaced', { markup_rate: '0.95' }),
  rule(5, 'put-aside', { client_id: null, model_pattern: 'x'.repeat(120) }),
];

const table = (rules: StandingRule[]) => ({
  rules,
  caption: 'Prices',
  winner: rules[1] ?? null,
  onremove: () => undefined,
});

export const stories: Story[] = [
  {
    id: 'organizations/prices/standings',
    component: PriceTable,
    width: 'wide',
    props: () => table(RULES),
  },
  {
    id: 'organizations/prices/none',
    component: PriceTable,
    width: 'wide',
    props: () => table([]),
  },
  {
    id: 'organizations/preview/difference',
    component: PricePreview,
    props: () => ({ preview: readPreview(previewBody()) }),
  },
  {
    id: 'organizations/preview/no-model',
    component: PricePreview,
    props: () => ({ preview: { ...readPreview(previewBody()), models: [] } }),
  },
  {
    id: 'organizations/preview/unused-month',
    component: PricePreview,
    props: () => ({ preview: { ...readPreview(previewBody()), requests: 0, models: [] } }),
  },
];
