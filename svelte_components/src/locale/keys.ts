/** The names of all texts. These are types alone: no text comes into a bundle by this file. */
type Of<M> = Exclude<Extract<keyof M, string>, 'default'>;

export type TabKey =
  | Of<typeof import('./en/ui.json')>
  | Of<typeof import('./en/charts.json')>
  | Of<typeof import('./en/usage.json')>;

export type AdminKey =
  | Of<typeof import('./en/admin.json')>
  | Of<typeof import('./en/organizations.json')>
  | Of<typeof import('./en/billing.json')>
  | Of<typeof import('./en/alerts.json')>
  | Of<typeof import('./en/webhooks.json')>
  | Of<typeof import('./en/reconciliation.json')>
  | Of<typeof import('./en/health.json')>
  | Of<typeof import('./en/audit.json')>
  | Of<typeof import('./en/settings.json')>
  | Of<typeof import('./en/setup.json')>;

export type PageKey = Of<typeof import('./en/page.json')>;

export type MessageKey = TabKey | AdminKey | PageKey;
