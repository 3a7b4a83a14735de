import type { SettingName } from '../../client/settings';
import type { AdminKey } from '../../locale/keys';

/** How a setting is written: on one line, on several, as a list with commas, or by a part of its own. */
export type FieldKind =
  | 'text'
  | 'lines'
  | 'decimal'
  | 'whole'
  | 'texts'
  | 'wholes'
  | 'zone'
  | 'currency'
  | 'secret'
  | 'rules'
  | 'sources';

export interface SettingField {
  name: SettingName;
  kind: FieldKind;
  label: AdminKey;
  hint: AdminKey;
  suffix?: AdminKey;
  prefix?: string;
}

export interface SettingGroup {
  id: string;
  title: AdminKey;
  text: AdminKey;
  fields: readonly SettingField[];
}

export const GROUPS: readonly SettingGroup[] = [
  {
    id: 'openrouter',
    title: 'settings.openrouter',
    text: 'settings.openrouterText',
    fields: [
      {
        name: 'openrouter_provisioning_key',
        kind: 'secret',
        label: 'settings.provisioningKey',
        hint: 'settings.provisioningKeyHint',
      },
    ],
  },
  {
    id: 'pricing',
    title: 'settings.pricing',
    text: 'settings.pricingText',
    fields: [
      {
        name: 'default_markup_rate',
        kind: 'decimal',
        label: 'settings.markup',
        hint: 'settings.markupHint',
        prefix: '×',
      },
      {
        name: 'billing_currency',
        kind: 'currency',
        label: 'settings.currency',
        hint: 'settings.currencyHint',
      },
      { name: 'timezone', kind: 'zone', label: 'settings.zone', hint: 'settings.zoneHint' },
    ],
  },
  {
    id: 'metering',
    title: 'settings.metering',
    text: 'settings.meteringText',
    fields: [
      {
        name: 'default_hold',
        kind: 'decimal',
        label: 'settings.hold',
        hint: 'settings.holdHint',
        prefix: '$',
      },
      {
        name: 'commit_wait_ms',
        kind: 'whole',
        label: 'settings.wait',
        hint: 'settings.waitHint',
        suffix: 'settings.milliseconds',
      },
      {
        name: 'rate_limit',
        kind: 'whole',
        label: 'settings.rateLimit',
        hint: 'settings.rateLimitHint',
        suffix: 'settings.aMinute',
      },
    ],
  },
  {
    id: 'alerts',
    title: 'settings.alerts',
    text: 'settings.alertsText',
    fields: [
      {
        name: 'alert_thresholds',
        kind: 'wholes',
        label: 'settings.thresholds',
        hint: 'settings.thresholdsHint',
        suffix: 'settings.percent',
      },
      {
        name: 'alert_emails',
        kind: 'texts',
        label: 'settings.emails',
        hint: 'settings.emailsHint',
      },
    ],
  },
  {
    id: 'assignment',
    title: 'settings.assignment',
    text: 'settings.assignmentText',
    fields: [
      {
        name: 'assignment_rules',
        kind: 'rules',
        label: 'settings.rules',
        hint: 'settings.rulesHint',
      },
    ],
  },
  {
    id: 'statements',
    title: 'settings.statements',
    text: 'settings.statementsText',
    fields: [
      {
        name: 'seller_name',
        kind: 'text',
        label: 'settings.sellerName',
        hint: 'settings.sellerNameHint',
      },
      {
        name: 'seller_tax_id',
        kind: 'text',
        label: 'settings.sellerTaxId',
        hint: 'settings.sellerTaxIdHint',
      },
      {
        name: 'seller_address',
        kind: 'lines',
        label: 'settings.sellerAddress',
        hint: 'settings.sellerAddressHint',
      },
      {
        name: 'seller_note',
        kind: 'lines',
        label: 'settings.sellerNote',
        hint: 'settings.sellerNoteHint',
      },
      {
        name: 'seller_email',
        kind: 'text',
        label: 'settings.sellerEmail',
        hint: 'settings.sellerEmailHint',
      },
      {
        name: 'statement_prefix',
        kind: 'text',
        label: 'settings.prefix',
        hint: 'settings.prefixHint',
      },
      {
        name: 'auto_close_statements',
        kind: 'text',
        label: 'settings.autoClose',
        hint: 'settings.autoCloseHint',
      },
      {
        name: 'fx_sources',
        kind: 'sources',
        label: 'settings.fx',
        hint: 'settings.fxHint',
      },
    ],
  },
];
