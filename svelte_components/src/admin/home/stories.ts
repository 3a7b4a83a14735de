import {
  readActivity,
  readForecast,
  readMonth,
  readRevenue,
  type Attention,
} from '../../client/home';
import { readHealth } from '../../client/health';
import { rangeOf } from '../../format/range';
import type { Story } from '../../gallery/story';
import { HOSTILE_NAME } from '../../testing/billing';
import {
  activityBody,
  forecastBody,
  healthBody,
  revenueBody,
  summaryBody,
  TROUBLED_HEALTH,
} from '../../testing/reseller';
import AttentionList from './AttentionList.svelte';
import MonthFigures from './MonthFigures.svelte';
import MoverList from './MoverList.svelte';
import RevenueCard from './RevenueCard.svelte';
import TopClients from './TopClients.svelte';

const nothing = () => undefined;
const month = readMonth(summaryBody());

const calm: Attention = {
  health: readHealth(healthBody()),
  alerts: { total: 0, newest: null },
  limits: [],
  keys: [],
  gaps: 0,
};

const troubled: Attention = {
  health: readHealth(TROUBLED_HEALTH),
  alerts: { total: 3, newest: 'limit.reached' },
  limits: [
    { id: 'a', name: HOSTILE_NAME, usedPercent: '140.5' },
    { id: 'b', name: 'Acme', usedPercent: '81' },
    { id: 'c', name: 'Fjord', usedPercent: '80' },
    { id: 'd', name: 'Kiwi', usedPercent: '80' },
  ],
  keys: [{ id: 'e', name: 'Pampa', problem: 'lost' }],
  gaps: 2,
};

const movers = (names: string[]) => ({
  new: readActivity(activityBody([])),
  grew: readActivity(activityBody(names)),
  fell: readActivity(activityBody([])),
  quiet: readActivity(activityBody(names.map((name) => `${name}.`))),
});

const card = (more: object) => ({
  revenue: readRevenue(revenueBody()),
  before: null,
  range: rangeOf('30d', '2026-11-24'),
  today: '2026-11-24',
  compare: false,
  busy: false,
  onrange: nothing,
  oncompare: nothing,
  ...more,
});

export const stories: Story[] = [
  {
    id: 'admin/home/attention/none',
    component: AttentionList,
    props: () => ({ attention: calm, onopen: nothing }),
  },
  {
    id: 'admin/home/attention/all',
    component: AttentionList,
    props: () => ({ attention: troubled, onopen: nothing }),
  },
  {
    id: 'admin/home/month',
    component: MonthFigures,
    props: () => ({ month, forecast: readForecast(forecastBody()) }),
    width: 'wide',
  },
  { id: 'admin/home/revenue', component: RevenueCard, props: () => card({}), width: 'wide' },
  {
    id: 'admin/home/revenue/compared',
    component: RevenueCard,
    props: () => card({ compare: true, before: readRevenue(revenueBody()) }),
    width: 'wide',
  },
  {
    id: 'admin/home/top',
    component: TopClients,
    props: () => ({ month: { ...month, totalClients: 9 }, onclient: nothing, onall: nothing }),
  },
  {
    id: 'admin/home/top/none',
    component: TopClients,
    props: () => ({
      month: { ...month, clients: [], totalClients: 0 },
      onclient: nothing,
      onall: nothing,
    }),
  },
  {
    id: 'admin/home/movers',
    component: MoverList,
    props: () => ({ movers: movers(['Acme', HOSTILE_NAME]), onclient: nothing }),
  },
  {
    id: 'admin/home/movers/none',
    component: MoverList,
    props: () => ({ movers: movers([]), onclient: nothing }),
  },
];
