import type { Attention } from '../../client/home';
import type { AdminKey } from '../../locale/keys';
import type { Params } from '../address';
import type { SectionId } from '../sections';

/** Something that somebody should look at, and where. */
export interface Concern {
  id: string;
  tone: 'warn' | 'bad';
  text: AdminKey;
  /** Chooses the plural form. */
  count: number;
  /** Whose it is, where it is one organization's. */
  name: string;
  percent: string | null;
  section: SectionId;
  params: Params;
}

const MOST_NAMED = 3;

type Given = Pick<Concern, 'id' | 'tone' | 'text' | 'section'> & Partial<Concern>;

/** The worst first; of many organizations in the same trouble, the first are named. */
export function concernsOf({ health, alerts, limits, keys, gaps }: Attention): Concern[] {
  const troubles = health.checks.filter(({ status }) => status !== 'ok').length;
  const unpriced = (health.unsettled.unpriced ?? 0) + (health.unsettled.unidentified ?? 0);
  return [
    ...(troubles > 0
      ? [
          concern({
            id: 'health',
            tone: health.status === 'down' ? 'bad' : 'warn',
            text: health.status === 'down' ? 'admin.concernDown' : 'admin.concernHealth',
            count: troubles,
            section: 'health',
          }),
        ]
      : []),
    ...(alerts.total > 0
      ? [
          concern({
            id: 'alerts',
            tone: 'warn',
            text: 'admin.concernAlerts',
            count: alerts.total,
            section: 'alerts',
            params: { state: 'open' },
          }),
        ]
      : []),
    ...keyConcerns(keys),
    ...limitConcerns(limits),
    ...(unpriced > 0
      ? [
          concern({
            id: 'unpriced',
            tone: 'warn',
            text: 'admin.concernUnpriced',
            count: unpriced,
            section: 'health',
          }),
        ]
      : []),
    ...(gaps > 0
      ? [
          concern({
            id: 'gaps',
            tone: 'warn',
            text: 'admin.concernGaps',
            count: gaps,
            section: 'reconciliation',
            params: { status: 'unexplained' },
          }),
        ]
      : []),
  ];
}

function keyConcerns(keys: Attention['keys']): Concern[] {
  const named = keys.slice(0, MOST_NAMED).map(({ id, name }) =>
    concern({
      id: `key-${id}`,
      tone: 'bad',
      text: 'admin.concernKey',
      name,
      section: 'organizations',
      params: { client: id, tab: 'key' },
    }),
  );
  return [...named, ...rest('keys', 'admin.concernMoreKeys', keys.length)];
}

function limitConcerns(limits: Attention['limits']): Concern[] {
  const named = limits.slice(0, MOST_NAMED).map(({ id, name, usedPercent }) =>
    concern({
      id: `limit-${id}`,
      tone: Number(usedPercent) >= 100 ? 'bad' : 'warn',
      text: Number(usedPercent) >= 100 ? 'admin.concernOver' : 'admin.concernNear',
      name,
      percent: usedPercent,
      section: 'organizations',
      params: { client: id },
    }),
  );
  return [...named, ...rest('limits', 'admin.concernMoreLimits', limits.length)];
}

function rest(id: string, text: AdminKey, all: number): Concern[] {
  const count = all - MOST_NAMED;
  return count > 0 ? [concern({ id, tone: 'warn', text, count, section: 'organizations' })] : [];
}

function concern(given: Given): Concern {
  return { count: 1, name: '', percent: null, params: {}, ...given };
}
