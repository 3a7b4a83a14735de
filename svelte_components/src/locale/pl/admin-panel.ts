import admin from './admin.json';
import alerts from './alerts.json';
import audit from './audit.json';
import billing from './billing.json';
import charts from './charts.json';
import health from './health.json';
import organizations from './organizations.json';
import reconciliation from './reconciliation.json';
import settings from './settings.json';
import setup from './setup.json';
import ui from './ui.json';
import webhooks from './webhooks.json';

export default {
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
};
