/** How events, states and troubles of webhooks are said. */
import type { DeliveryState, EventKind, Webhook } from '../../client/webhooks';
import type { MessageKey } from '../../locale/keys';

export const EVENT_NAMES: Record<EventKind, MessageKey> = {
  'usage.day_sealed': 'webhooks.eventDaySealed',
  'limit.threshold_crossed': 'webhooks.eventThreshold',
  'limit.reached': 'webhooks.eventReached',
  'statement.closed': 'webhooks.eventStatement',
  'key.created': 'webhooks.eventKeyCreated',
  'key.rotated': 'webhooks.eventKeyRotated',
  'key.disabled': 'webhooks.eventKeyDisabled',
  'key.trouble': 'webhooks.eventKeyTrouble',
  'reconciliation.gap': 'webhooks.eventGap',
  'alert.fired': 'webhooks.eventFired',
  'alert.resolved': 'webhooks.eventResolved',
};

export const STATE_NAMES: Record<DeliveryState, MessageKey> = {
  waiting: 'webhooks.waiting',
  delivered: 'webhooks.delivered',
  failed: 'webhooks.failed',
  dead: 'webhooks.dead',
};

export const STATE_TONES = {
  waiting: 'info',
  delivered: 'good',
  failed: 'warn',
  dead: 'bad',
} as const;

export type Standing = 'working' | 'new' | 'failing' | 'paused' | 'off';

export function standingOf(webhook: Webhook, now: number): Standing {
  if (!webhook.isEnabled) return 'off';
  if (webhook.pausedUntil !== null && webhook.pausedUntil > now) return 'paused';
  if (webhook.failingSince !== null) return 'failing';
  return webhook.lastSuccessAt === null ? 'new' : 'working';
}

export const STANDING_NAMES: Record<Standing, MessageKey> = {
  working: 'webhooks.working',
  new: 'webhooks.isNew',
  failing: 'webhooks.failing',
  paused: 'webhooks.paused',
  off: 'webhooks.off',
};

export const STANDING_TONES = {
  working: 'good',
  new: 'info',
  failing: 'bad',
  paused: 'warn',
  off: 'neutral',
} as const;
