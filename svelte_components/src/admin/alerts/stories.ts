import { readAlert, readRule } from '../../client/alerts';
import type { Story } from '../../gallery/story';
import { ALERT_BODIES, alertBody, ruleBody } from '../../testing/alerts';
import { HOSTILE_NAME } from '../../testing/billing';
import AlertRow from './AlertRow.svelte';
import ChannelSteps from './ChannelSteps.svelte';
import MuteList from './MuteList.svelte';
import RuleList from './RuleList.svelte';

const nothing = () => undefined;
const row = (more: Record<string, unknown>, organization = 'Acme') => ({
  alert: readAlert(alertBody(more)),
  organization,
  nameOf: (id: string) => ({ 'u-1': 'Frida Nowak', 'admin-1': 'Ola' })[id] ?? id,
  rule: 'Limits',
  onacknowledge: nothing,
  onresolve: nothing,
  onorganization: nothing,
  onmute: nothing,
});

const PARAMETERS = {
  limit: { thresholds: [50, 80, 100] },
  spend: { period: 'day', amounts: ['5', '20.5'] },
  spike: { factor: '3', floor: '10', basis: 'weekday', day: 'today' },
  quiet: { active_days: 10, quiet_days: 3 },
  capture: { percent: '99.95' },
  pending: { hours: 24 },
  key: {},
};

const rules = (name?: string) => ({
  rules: Object.entries(PARAMETERS).map(([kind, parameters], index) =>
    readRule(
      ruleBody({
        id: index + 1,
        name: name ?? kind,
        kind,
        parameters,
        is_builtin: index < 4,
        is_enabled: index !== 2,
        severity: ['info', 'warning', 'critical'][index % 3],
        level: index === 1 ? 'organization' : 'global',
        client_id: index === 1 ? 'acme' : null,
        channels: index === 4 ? [] : ['email', 'host'],
      }),
    ),
  ),
  nameOf: () => name ?? 'Acme',
  onswitch: nothing,
  onedit: nothing,
  onmute: nothing,
  onremove: nothing,
});

export const stories: Story[] = [
  ...ALERT_BODIES.map((body): Story => ({
    id: `admin/alerts/row/${body.kind}`,
    component: AlertRow,
    props: () => row(body),
    width: 'wide',
  })),
  {
    id: 'admin/alerts/row/handled',
    component: AlertRow,
    props: () =>
      row({
        state: 'resolved',
        acknowledged_at: '2026-11-24T10:00:00Z',
        acknowledged_by: 'admin-1',
        resolved_at: '2026-11-24T11:00:00Z',
        resolved_by: null,
        note: 'They pay more from December.\nAsked on the phone.',
      }),
    width: 'wide',
  },
  {
    id: 'admin/alerts/row/hostile-name',
    component: AlertRow,
    props: () => row({ note: HOSTILE_NAME }, HOSTILE_NAME),
  },
  { id: 'admin/alerts/rules/all-kinds', component: RuleList, props: () => rules(), width: 'wide' },
  {
    id: 'admin/alerts/rules/hostile-names',
    component: RuleList,
    props: () => rules(HOSTILE_NAME),
  },
  {
    id: 'admin/alerts/mutes/some',
    component: MuteList,
    props: () => ({
      mutes: [
        {
          id: 1,
          ruleId: 1,
          clientId: null,
          until: Date.UTC(2026, 11, 1),
          note: 'Migration week',
          createdAt: 0,
          createdBy: 'admin-1',
        },
        {
          id: 2,
          ruleId: null,
          clientId: 'acme',
          until: Date.UTC(2027, 0, 1),
          note: '',
          createdAt: 0,
          createdBy: 'admin-1',
        },
      ],
      nameOf: () => HOSTILE_NAME,
      ruleOf: () => 'Limits',
      onend: nothing,
    }),
  },
  {
    id: 'admin/alerts/test/failed',
    component: ChannelSteps,
    props: () => ({
      steps: [
        { name: 'connecting to mail.example:587', isDone: true, detail: '' },
        { name: 'signing in', isDone: false, detail: '535 5.7.8 bad credentials' },
      ],
    }),
  },
  {
    id: 'admin/alerts/test/sent',
    component: ChannelSteps,
    props: () => ({
      steps: [{ name: 'handing over the message', isDone: true, detail: '250 queued' }],
    }),
  },
];
