import { EMOJI_NAME, LONG_NAME, MARKUP_NAME, ODD_NAMES, RTL_NAME } from '../../gallery/names';
import { words, type Story } from '../../gallery/story';
import Badge from '../Badge.svelte';
import Card from '../Card.svelte';
import DefinitionList from '../DefinitionList.svelte';
import Delta from '../Delta.svelte';
import Gauge from '../Gauge.svelte';
import Meter from '../Meter.svelte';
import Metric from '../Metric.svelte';
import Money from '../Money.svelte';
import Steps from '../Steps.svelte';

const TONES = ['neutral', 'good', 'warn', 'bad', 'info'];

export const stories: Story[] = [
  ...TONES.map((tone) => ({
    id: `ui/badge/${tone}`,
    component: Badge,
    props: () => ({ tone, children: words(tone === 'info' ? RTL_NAME : 'Reconciled') }),
  })),
  {
    id: 'ui/badge/long',
    component: Badge,
    props: () => ({ tone: 'warn', children: words(LONG_NAME) }),
  },
  {
    id: 'ui/gauge/well-below',
    component: Gauge,
    props: () => ({ label: 'Monthly limit', value: '124.5', limit: '1000', forecast: '610' }),
  },
  {
    id: 'ui/gauge/near',
    component: Gauge,
    props: () => ({ label: 'Monthly limit', value: '874.50', limit: '1000', forecast: '1240' }),
  },
  {
    id: 'ui/gauge/past',
    component: Gauge,
    props: () => ({ label: MARKUP_NAME, value: '1310.000000000001', limit: '1000' }),
  },
  {
    id: 'ui/gauge/no-limit',
    component: Gauge,
    props: () => ({ label: LONG_NAME, value: '12', limit: null }),
  },
  {
    id: 'ui/meter/plain',
    component: Meter,
    props: () => ({ label: 'Share of Acme', value: 0.42 }),
  },
  {
    id: 'ui/delta/up',
    component: Delta,
    props: () => ({ percent: '12.54', goodWhen: 'up' }),
  },
  {
    id: 'ui/delta/up-bad',
    component: Delta,
    props: () => ({ percent: '1250', goodWhen: 'down' }),
  },
  { id: 'ui/delta/down', component: Delta, props: () => ({ percent: '-3.1' }) },
  { id: 'ui/delta/same', component: Delta, props: () => ({ percent: '0.0', goodWhen: 'up' }) },
  {
    id: 'ui/metric/plain',
    component: Metric,
    props: () => ({
      label: 'This month',
      value: '$1,234.57',
      hint: '12 of 24 days with usage',
      delta: { percent: '12.5', goodWhen: 'neither' },
    }),
  },
  {
    id: 'ui/metric/live',
    component: Metric,
    props: () => ({ label: 'Today', value: '$0.000123', live: true }),
  },
  {
    id: 'ui/metric/long',
    component: Metric,
    props: () => ({ label: LONG_NAME, value: '$9,000,000,000.000000000001', hint: MARKUP_NAME }),
  },
  {
    id: 'ui/card/plain',
    component: Card,
    props: () => ({
      title: 'Members',
      subtitle: 'Who spent the most',
      actions: words('Export'),
      children: words('…'),
    }),
  },
  {
    id: 'ui/card/odd-names',
    component: Card,
    props: () => ({
      title: LONG_NAME,
      subtitle: RTL_NAME,
      actions: words('Export'),
      children: words(MARKUP_NAME),
    }),
  },
  {
    id: 'ui/definition-list/odd-names',
    component: DefinitionList,
    props: () => ({
      items: [
        { term: 'Time zone', text: 'Europe/Warsaw' },
        { term: 'Contact', text: null },
        { term: 'Status', snippet: words('Active') },
        ...ODD_NAMES.map((text, index) => ({ term: `Name ${index + 1}`, text })),
      ],
    }),
  },
  { id: 'ui/money/small', component: Money, props: () => ({ value: '0.000000420001' }) },
  {
    id: 'ui/money/zloty',
    component: Money,
    props: () => ({ value: '1234.5', currency: 'PLN' }),
  },
  { id: 'ui/money/none', component: Money, props: () => ({ value: null }) },
  {
    id: 'ui/steps/under-way',
    component: Steps,
    props: () => ({
      steps: [
        { id: 'key', title: 'Key', state: 'done' },
        { id: 'organization', title: EMOJI_NAME, state: 'failed' },
        { id: 'members', title: 'Members', state: 'current' },
        { id: 'test', title: LONG_NAME, state: 'todo' },
      ],
    }),
  },
];
