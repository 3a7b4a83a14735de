import { failed, type Answer, type Failure, type FailureKind } from '../client/http';
import type { MyOrganization } from '../client/my-organization';
import type { MyStatement } from '../client/my-statements';
import type { Report, ReportQuery } from '../client/my-report';
import type { Story } from '../gallery/story';
import { dayBefore, reportOf } from '../testing/report';
import { NO_LIMIT, sampleLimit, sampleUsage, TODAY, unusedUsage } from '../testing/usage';
import Breadcrumbs from './Breadcrumbs.svelte';
import { deskOf, type Desk } from './desk.svelte';
import DrillView from './DrillView.svelte';
import ExportSheet from './ExportSheet.svelte';
import Limits from './Limits.svelte';
import ModelsTab from './ModelsTab.svelte';
import Notices from './Notices.svelte';
import OverviewTab from './OverviewTab.svelte';
import PanelFooter from './PanelFooter.svelte';
import { placeState, type Place } from './place.svelte';
import type { Source } from './source';
import StatementsTab from './StatementsTab.svelte';
import StatsTab from './StatsTab.svelte';
import SummaryCards from './SummaryCards.svelte';
import UsagePanel from './UsagePanel.svelte';
import UsersTab from './UsersTab.svelte';
import type { View } from './view';

const HOSTILE = '<img src=x onerror=alert(1)> ' + 'A very long name of an organization '.repeat(6);
const RIGHT_TO_LEFT = 'شركة المثال للتجارة';
const AT = Date.parse('2026-11-24T10:15:31.250Z');
const DAY_MS = 86_400_000;
const KEPT_SINCE = dayBefore(TODAY, 35);

const STATEMENTS: MyStatement[] = ['2026-10', '2026-09', '2026-08'].map((month, index) => ({
  id: month,
  number: `ACME-${month}-1`,
  month,
  issuedOn: `${month.slice(0, 5)}${String(Number(month.slice(5)) + 1).padStart(2, '0')}-02`,
  currency: index === 2 ? 'USD' : 'PLN',
  net: ['1187.120000000001', '903.5', '12.034'][index] ?? '0',
  total: ['4748.48', '3614.00', null][index] ?? null,
}));

const answer = async <T>(value: T): Promise<Answer<T>> => ({ ok: true, value });

/** What only single calls can tell is answered for the days that they are kept. */
function report(query: ReportQuery): Answer<Report> {
  const apart = new Set<string>(query.groupBy.filter((name) => name !== 'day' && name !== 'month'));
  if (query.userId !== undefined) apart.add('user');
  if (query.model !== undefined) apart.add('model');
  if (apart.has('user') && apart.has('model') && query.from < KEPT_SINCE) {
    const detail = `from: single calls are kept since ${KEPT_SINCE}`;
    return failed('invalid', 422, { detail, fields: [{ field: 'from', message: detail }] });
  }
  return { ok: true, value: reportOf(query) };
}

const SOURCE: Source = {
  report: async (query) => report(query),
  statements: () => answer({ statements: STATEMENTS, total: STATEMENTS.length }),
  saveStatement: () => answer(null),
  saveExport: () => answer(null),
};

const never = () => new Promise<never>(() => undefined);
const empty = (query: ReportQuery) => reportOf({ ...query, from: '2020-01-01', to: '2020-01-31' });

function desk(change: Partial<Source> = {}): Desk {
  return deskOf({ ...SOURCE, ...change }, () => TODAY);
}

function place(state = ''): Place {
  const address = { read: () => new URLSearchParams(state), write: () => undefined };
  return placeState(() => TODAY, address);
}

function ready(change: Partial<MyOrganization> = {}, at = AT): View {
  return { phase: 'ready', received: { usage: sampleUsage(change), at } };
}

function trouble(kind: FailureKind, status: number, more: Partial<Failure> = {}): Failure {
  return failed(kind, status, more).failure;
}

function panel(name: string, view: View, more: Record<string, unknown> = {}): Story {
  return {
    id: `usage/panel/${name}`,
    component: UsagePanel,
    width: 'wide',
    props: () => ({
      view,
      desk: desk(),
      place: place(),
      onrefresh: () => undefined,
      onsignin: () => undefined,
      ...more,
    }),
  };
}

const lost = (kind: FailureKind, status: number, more: Partial<Failure> = {}): View => ({
  phase: 'failed',
  failure: trouble(kind, status, more),
  last: null,
});

const kept = (kind: FailureKind, status: number, more: Partial<Failure> = {}): View => ({
  phase: 'failed',
  failure: trouble(kind, status, more),
  last: { usage: sampleUsage(), at: AT },
});

const part = (
  id: string,
  component: Story['component'],
  props: () => Record<string, unknown>,
): Story => ({ id: `usage/${id}`, component, props, width: 'wide' });

const tab = (id: string, component: Story['component'], state = '', change = {}): Story =>
  part(id, component, () => ({ desk: desk(change), place: place(state), usage: sampleUsage() }));

const full = sampleLimit({ spent: '2000.5', remaining: '0', usedPercent: '100.025' });

export const stories: Story[] = [
  panel('loading', { phase: 'loading' }),
  panel('manager', ready()),
  panel('member', ready({ isManager: false })),
  panel('refreshing', ready(), { busy: true }),
  panel('unlimited', ready({ limit: NO_LIMIT })),
  panel('nothing-used', { phase: 'ready', received: { usage: unusedUsage(), at: AT } }),
  panel('hint', {
    phase: 'ready',
    received: {
      usage: { ...unusedUsage(), hint: 'This server has metered no call since it was started.' },
      at: AT,
    },
  }),
  panel('limit-reached', ready({ limit: full })),
  panel('limit-reached-alert', ready({ limit: { ...full, onLimit: 'alert' } })),
  panel('own-limit-reached', ready({ isManager: false, ownLimit: full })),
  panel('deactivated', ready({ isActive: false, limit: full })),
  panel('clock-a-day-ahead', ready({}, AT + DAY_MS)),
  panel('clock-a-day-behind', ready({}, AT - DAY_MS)),
  panel('other-zone', ready({ timeZone: 'Pacific/Kiritimati' })),
  panel('long-name', ready({ organization: HOSTILE })),
  panel('right-to-left-name', ready({ organization: RIGHT_TO_LEFT })),
  panel('no-organization', lost('no-organization', 404)),
  panel('signed-out', lost('signed-out', 401)),
  panel('forbidden', lost('forbidden', 403)),
  panel('not-found', lost('not-found', 404, { detail: 'there is no such page' })),
  panel('busy', kept('busy', 429, { retryAfterMs: 42_000 })),
  panel('unavailable', kept('unavailable', 503, { detail: 'the database is gone' })),
  panel('server-error', kept('server', 500)),
  panel('unreadable', kept('unreadable', 200)),
  panel('offline', kept('unreachable', 0)),
  panel('offline-at-first', lost('unreachable', 0)),
  panel('reports-slow', ready(), { desk: desk({ report: never }) }),
  panel('reports-broken', ready(), {
    desk: desk({ report: async () => failed('server', 500, { detail: 'boom' }) }),
  }),
  part('cards/live', SummaryCards, () => ({ usage: sampleUsage(), liveness: 'live' })),
  part('cards/paused', SummaryCards, () => ({ usage: sampleUsage(), liveness: 'paused' })),
  part('cards/own-limit', SummaryCards, () => ({
    usage: sampleUsage({ ownLimit: sampleLimit({ monthlyLimit: '50', remaining: '12.34' }) }),
    liveness: 'live',
  })),
  part('limits/forecast', Limits, () => ({ usage: sampleUsage() })),
  part('limits/will-be-reached', Limits, () => {
    const usage = sampleUsage();
    const month = {
      ...usage.month,
      limitReachedOn: '2026-11-28',
      forecast: { low: '1990', expected: '2200', high: '2500' },
    };
    return { usage: { ...usage, month } };
  }),
  part('limits/none', Limits, () => ({ usage: sampleUsage({ limit: NO_LIMIT }) })),
  part('limits/both-reached', Limits, () => ({
    usage: sampleUsage({ limit: full, ownLimit: full }),
  })),
  part('notices/all', Notices, () => ({
    received: { usage: sampleUsage({ limit: full, hint: HOSTILE }), at: AT + DAY_MS },
  })),
  part('footer/other-zone', PanelFooter, () => ({
    received: { usage: sampleUsage({ timeZone: 'Asia/Kathmandu' }), at: AT },
  })),
  tab('overview/month', OverviewTab),
  tab('overview/quarter', OverviewTab, 'range=90d'),
  tab('overview/year', OverviewTab, 'range=custom&from=2025-11-25&to=2026-11-24'),
  tab('overview/one-day', OverviewTab, 'range=today'),
  tab('overview/nothing', OverviewTab, '', {
    report: (query: ReportQuery) => answer(empty(query)),
  }),
  tab('overview/loading', OverviewTab, '', { report: never }),
  tab('stats/month', StatsTab),
  tab('stats/one-day', StatsTab, 'range=today'),
  tab('stats/nothing', StatsTab, '', { report: (query: ReportQuery) => answer(empty(query)) }),
  tab('users/manager', UsersTab),
  tab('users/member', UsersTab, '', {
    report: (query: ReportQuery) =>
      answer({ ...reportOf({ ...query, userId: 'user_1' }), isComplete: false }),
  }),
  tab('users/nobody', UsersTab, '', { report: (query: ReportQuery) => answer(empty(query)) }),
  tab('models/month', ModelsTab),
  tab('models/busy', ModelsTab, '', {
    report: async () => failed('busy', 429, { retryAfterMs: 9_000 }),
  }),
  tab('statements/some', StatementsTab),
  tab('statements/none', StatementsTab, '', {
    statements: () => answer({ statements: [], total: 0 }),
  }),
  tab('statements/loading', StatementsTab, '', { statements: never }),
  tab('drill/day', DrillView, 'day=2026-11-20'),
  tab('drill/user', DrillView, 'user=user_2'),
  tab('drill/user-of-long-ago', DrillView, 'range=90d&user=user_2'),
  tab('drill/model', DrillView, 'model=openai%2Fgpt-5-mini'),
  tab('drill/day-user-model', DrillView, 'day=2026-11-20&user=user_2&model=openai%2Fgpt-5-mini'),
  part('breadcrumbs/deep', Breadcrumbs, () => ({
    desk: desk(),
    place: place(`day=2026-11-20&user=${encodeURIComponent(HOSTILE)}&model=openai%2Fgpt-5-mini`),
    root: 'Overview',
  })),
  part('export/manager', ExportSheet, () => ({
    open: true,
    desk: desk(),
    range: place().range,
    isManager: true,
  })),
  part('export/member', ExportSheet, () => ({
    open: true,
    desk: desk(),
    range: place().range,
    isManager: false,
  })),
];
