import type { AdminKey } from '../../locale/keys';
import type { Locale } from '../../locale/locale';

/** Names of checks and steps that we have words for; others are shown as the server has them. */
const NAMES: Record<string, AdminKey> = {
  database: 'health.nameDatabase',
  writer: 'health.nameWriter',
  pending: 'health.namePending',
  settlement: 'health.nameSettlement',
  sealing: 'health.nameSealing',
  clocks: 'health.nameClocks',
  migrations: 'health.nameMigrations',
  disk: 'health.nameDisk',
  openrouter: 'health.nameOpenRouter',
  redis: 'health.nameRedis',
  settings: 'health.nameSettings',
  keys: 'health.nameKeys',
  'job thread': 'health.nameJobThread',
  configuration: 'health.nameConfiguration',
  name: 'health.nameName',
  connection: 'health.nameConnection',
  models: 'health.nameModels',
  key: 'health.nameKey',
  'management key': 'health.nameManagementKey',
  credits: 'health.nameCredits',
  price: 'health.namePrice',
  call: 'health.nameCall',
  hold: 'health.nameHold',
  entry: 'health.nameEntry',
  counters: 'health.nameCounters',
  month: 'health.nameMonth',
};

const JOB = 'job ';

export function sayName(locale: Locale, name: string): string {
  const key = NAMES[name];
  if (key) return locale.t(key);
  if (name.startsWith(JOB)) return locale.t('health.job', { name: name.slice(JOB.length) });
  return sentence(name);
}

/** The server's sentences begin in the middle of one. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
