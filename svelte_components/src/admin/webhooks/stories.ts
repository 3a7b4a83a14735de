import { readDelivery, readWebhook } from '../../client/webhooks';
import type { Story } from '../../gallery/story';
import { HOSTILE_NAME } from '../../testing/billing';
import { deliveryBody, FAILED_DELIVERY, webhookBody } from '../../testing/webhooks';
import DeliveryTable from './DeliveryTable.svelte';
import WebhookList from './WebhookList.svelte';

const nothing = () => undefined;

export const stories: Story[] = [
  {
    id: 'admin/webhooks/list/all-states',
    component: WebhookList,
    props: () => ({
      webhooks: [
        webhookBody(),
        webhookBody({ id: '2', description: '', events: [], last_success_at: null }),
        webhookBody({ id: '3', failing_since: '2026-11-22T10:00:00Z', client_id: 'acme' }),
        webhookBody({ id: '4', paused_until: '2126-11-22T10:00:00Z' }),
        webhookBody({ id: '5', enabled: false, disabled_reason: 'answered 410' }),
        webhookBody({
          id: '6',
          description: HOSTILE_NAME,
          url: `https://hooks.example/${'a'.repeat(120)}`,
          events: ['alert.fired', 'alert.resolved', 'key.trouble', 'key.created', 'new.kind'],
        }),
      ].map(readWebhook),
      nameOf: () => HOSTILE_NAME,
      onopen: nothing,
    }),
  },
  {
    id: 'admin/webhooks/deliveries/some',
    component: DeliveryTable,
    props: () => ({
      deliveries: [
        deliveryBody({ replay_of: 12 }),
        FAILED_DELIVERY,
        deliveryBody({ id: 43, state: 'waiting', attempts: 0, status: null, duration_ms: null }),
        deliveryBody({
          id: 44,
          state: 'dead',
          attempts: 10,
          status: null,
          problem: 'the name could not be resolved',
        }),
      ].map(readDelivery),
      onopen: nothing,
    }),
    width: 'wide',
  },
];
