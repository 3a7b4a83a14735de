import type { Component } from 'svelte';
import type { AdminKey } from '../locale/keys';
import type { SectionState } from './place.svelte';

export type SectionId =
  | 'home'
  | 'organizations'
  | 'billing'
  | 'alerts'
  | 'webhooks'
  | 'reconciliation'
  | 'health'
  | 'audit'
  | 'settings'
  | 'setup';

/**
 * A section is drawn with its place alone; it has its locale and its toasts from the context. (A
 * property named `state` would take the name of the rune away.)
 */
export type SectionComponent = Component<{ place: SectionState }>;

export interface Section {
  id: SectionId;
  label: AdminKey;
  /** Each section is a chunk of its own, loaded when it is first opened. */
  load: () => Promise<{ default: SectionComponent }>;
}

/** The sections in the order of the list. The guide stands last: it is for the first days. */
export const SECTIONS: readonly Section[] = [
  {
    id: 'home',
    label: 'admin.home',
    load: () => import('./home/HomeSection.svelte'),
  },
  {
    id: 'organizations',
    label: 'admin.organizations',
    load: () => import('./organizations/OrganizationsSection.svelte'),
  },
  {
    id: 'billing',
    label: 'admin.billing',
    load: () => import('./billing/BillingSection.svelte'),
  },
  {
    id: 'alerts',
    label: 'admin.alerts',
    load: () => import('./alerts/AlertsSection.svelte'),
  },
  {
    id: 'webhooks',
    label: 'admin.webhooks',
    load: () => import('./webhooks/WebhooksSection.svelte'),
  },
  {
    id: 'reconciliation',
    label: 'admin.reconciliation',
    load: () => import('./reconciliation/ReconciliationSection.svelte'),
  },
  {
    id: 'health',
    label: 'admin.health',
    load: () => import('./health/HealthSection.svelte'),
  },
  {
    id: 'audit',
    label: 'admin.audit',
    load: () => import('./audit/AuditSection.svelte'),
  },
  {
    id: 'settings',
    label: 'admin.settings',
    load: () => import('./settings/SettingsSection.svelte'),
  },
  {
    id: 'setup',
    label: 'admin.setup',
    load: () => import('./setup/SetupSection.svelte'),
  },
];

export function isSectionId(value: string | undefined): value is SectionId {
  return SECTIONS.some(({ id }) => id === value);
}
