import type { AdminKey } from '../../locale/keys';
import type { Locale } from '../../locale/locale';
import { humanised } from './difference';

const ACTIONS: Record<string, AdminKey> = {
  'alert.muted': 'audit.alertMuted',
  'alert.unmuted': 'audit.alertUnmuted',
  'alert.acknowledged': 'audit.alertAcknowledged',
  'alert.resolved': 'audit.alertResolved',
  'alert_rule.created': 'audit.ruleCreated',
  'alert_rule.changed': 'audit.ruleChanged',
  'alert_rule.removed': 'audit.ruleRemoved',
  'day.reopened': 'audit.dayReopened',
  'key.created': 'audit.keyCreated',
  'key.provisioned': 'audit.keyProvisioned',
  'key.rotated': 'audit.keyRotated',
  'key.retired': 'audit.keyRetired',
  'key.enabled': 'audit.keyEnabled',
  'key.disabled': 'audit.keyDisabled',
  'key.lost': 'audit.keyLost',
  'key.repaired': 'audit.keyRepaired',
  'key.synced': 'audit.keySynced',
  'member.assigned': 'audit.memberAssigned',
  'member.provisioned': 'audit.memberProvisioned',
  'member.changed': 'audit.memberChanged',
  'member.moved': 'audit.memberMoved',
  'member.removed': 'audit.memberRemoved',
  'organization.created': 'audit.organizationCreated',
  'organization.changed': 'audit.organizationChanged',
  'organization.deactivated': 'audit.organizationDeactivated',
  'price.added': 'audit.priceAdded',
  'price.removed': 'audit.priceRemoved',
  'rate.entered': 'audit.rateEntered',
  'rate.removed': 'audit.rateRemoved',
  'self_test.run': 'audit.selfTestRun',
  'settings.changed': 'audit.settingsChanged',
  'statement.closed': 'audit.statementClosed',
  'user.pseudonymised': 'audit.userPseudonymised',
  'webhook.created': 'audit.webhookCreated',
  'webhook.changed': 'audit.webhookChanged',
  'webhook.deleted': 'audit.webhookDeleted',
  'webhook.secret_rotated': 'audit.webhookSecretRotated',
  'webhook.disabled': 'audit.webhookDisabled',
};

/** In words where we have them, else as the server calls it. */
export function sayAction(locale: Locale, action: string): string {
  const key = ACTIONS[action];
  return key ? locale.t(key) : humanised(action);
}

/** For a filter: the actions that we know, in the order of their words. */
export function knownActions(locale: Locale): { value: string; label: string }[] {
  return Object.keys(ACTIONS)
    .map((value) => ({ value, label: sayAction(locale, value) }))
    .sort((one, other) => one.label.localeCompare(other.label, locale.tag));
}
