import { readSettings } from '../../client/settings';
import type { Story } from '../../gallery/story';
import { HOSTILE_NAME } from '../../testing/billing';
import { settingsBody } from '../../testing/reseller';
import { GROUPS } from './fields';
import SecretField from './SecretField.svelte';
import SettingsGroup from './SettingsGroup.svelte';

const settings = readSettings(
  settingsBody({ seller_name: HOSTILE_NAME }),
  new Headers({ ETag: '"1"' }),
);

const secret = (more: object) => ({
  label: 'Provisioning key',
  hint: 'It is never shown again.',
  masked: null,
  value: null,
  onwrite: () => undefined,
  ...more,
});

export const stories: Story[] = [
  ...GROUPS.map((group): Story => ({
    id: `admin/settings/${group.id}`,
    component: SettingsGroup,
    props: () => ({
      group,
      settings,
      clients: [{ id: 'acme', name: HOSTILE_NAME }],
      onsave: async () => null,
      onreload: () => undefined,
    }),
    width: 'wide',
  })),
  { id: 'admin/settings/secret/none', component: SecretField, props: () => secret({}) },
  {
    id: 'admin/settings/secret/written',
    component: SecretField,
    props: () => secret({ value: 'sk-or', error: 'This is no key.' }),
  },
];
