import { readOrganization } from '../../../client/organizations';
import type { Story } from '../../../gallery/story';
import { HOSTILE_NAME, organizationBody } from '../../../testing/organizations';
import ChangedMeanwhile from './ChangedMeanwhile.svelte';
import OrganizationFields from './OrganizationFields.svelte';
import { draftOf } from './draft';

const nothing = () => undefined;
const draft = (more: Record<string, unknown> = {}) =>
  draftOf(readOrganization(organizationBody(more)), 'en-US');

export const stories: Story[] = [
  {
    id: 'organizations/form/new',
    component: OrganizationFields,
    props: () => ({
      draft: draftOf(null, 'en-US'),
      errors: {},
      isNew: true,
      usual: { timezone: 'Europe/Warsaw', currency: 'PLN', markup: '1.3' },
    }),
  },
  {
    id: 'organizations/form/filled',
    component: OrganizationFields,
    props: () => ({ draft: draft({ monthly_limit: '1234.5' }), errors: {}, isNew: false }),
  },
  {
    id: 'organizations/form/refused',
    component: OrganizationFields,
    props: () => ({
      draft: { ...draft({ name: HOSTILE_NAME }), markup_rate: '0.9' },
      errors: {
        slug: 'another organization has the slug acme',
        markup_rate: 'A markup below 1 bills less than OpenRouter charges.',
        contacts: 'One of the contacts’ e-mail addresses is not valid.',
      },
      isNew: false,
    }),
  },
  {
    id: 'organizations/form/changed-meanwhile',
    component: ChangedMeanwhile,
    props: () => ({
      base: draft(),
      fresh: draft({ name: HOSTILE_NAME, monthly_limit: '900', on_limit: 'alert' }),
      onkeep: nothing,
      ondiscard: nothing,
    }),
  },
];
