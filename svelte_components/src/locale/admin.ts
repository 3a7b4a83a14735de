import admin from './en/admin.json';
import alerts from './en/alerts.json';
import audit from './en/audit.json';
import billing from './en/billing.json';
import charts from './en/charts.json';
import health from './en/health.json';
import organizations from './en/organizations.json';
import reconciliation from './en/reconciliation.json';
import settings from './en/settings.json';
import setup from './en/setup.json';
import ui from './en/ui.json';
import webhooks from './en/webhooks.json';
import type { Edition } from './languages';

/** The texts of the admin panel. */
export const adminEdition: Edition = {
  english: {
    ...ui,
    ...charts,
    ...admin,
    ...organizations,
    ...billing,
    ...alerts,
    ...webhooks,
    ...reconciliation,
    ...health,
    ...audit,
    ...settings,
    ...setup,
  },
  builtIn: { pl: async () => (await import('./pl/admin-panel')).default },
};
