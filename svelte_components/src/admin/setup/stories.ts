import { readSetup } from '../../client/setup';
import { readSettings } from '../../client/settings';
import { words, type Story } from '../../gallery/story';
import { HOSTILE_NAME } from '../../testing/billing';
import { settingsBody, setupBody } from '../../testing/reseller';
import KeyStep from './KeyStep.svelte';
import OrganizationStep from './OrganizationStep.svelte';
import PriceStep from './PriceStep.svelte';
import SetupBanner from './SetupBanner.svelte';
import SetupStepItem from './SetupStepItem.svelte';

const nothing = () => undefined;
const done = async () => undefined;
const { values } = readSettings(settingsBody(), new Headers());

export const stories: Story[] = [
  {
    id: 'admin/setup/banner',
    component: SetupBanner,
    props: () => ({ setup: readSetup(setupBody('pricing', 'organization')), onopen: nothing }),
  },
  ...(['done', 'todo', 'failed'] as const).map((state): Story => ({
    id: `admin/setup/step/${state}`,
    component: SetupStepItem,
    props: () => ({
      step: { id: 'pricing', state, detail: HOSTILE_NAME },
      number: 2,
      title: 'Markup and currency',
      open: state !== 'done',
      onopen: nothing,
      children: words('What there is to do'),
    }),
  })),
  { id: 'admin/setup/key', component: KeyStep, props: () => ({ ondone: done }) },
  { id: 'admin/setup/price', component: PriceStep, props: () => ({ values, ondone: done }) },
  {
    id: 'admin/setup/organization',
    component: OrganizationStep,
    props: () => ({ zone: 'Europe/Warsaw', ondone: done }),
  },
];
