import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it } from 'vitest';
import { readWebhook } from '../../client/webhooks';
import { entryBody, HOSTILE_NAME, pageBody } from '../../testing/billing';
import { showSection } from '../../testing/section';
import { problem, stubServer, type Routes } from '../../testing/server';
import { renderStory } from '../../testing/story';
import { deliveryBody, FAILED_DELIVERY, webhookBody } from '../../testing/webhooks';
import { stories } from './stories';
import WebhooksSection from './WebhooksSection.svelte';
import { standingOf } from './words';

let routes: Routes;

beforeEach(() => {
  routes = {
    'GET /webhooks': { body: pageBody('webhooks', [webhookBody()]) },
    'GET /webhooks/wh-1/deliveries': {
      body: pageBody('deliveries', [deliveryBody(), FAILED_DELIVERY]),
    },
    'GET /clients': { body: pageBody('clients', [entryBody()]) },
  };
});

const click = async (name: string | RegExp) =>
  fireEvent.click(await screen.findByRole('button', { name }));
const show = () => showSection(WebhooksSection, { webhook: 'wh-1' });

it.each([
  ['working', {}],
  ['new', { last_success_at: null }],
  ['failing', { failing_since: '2026-11-22T10:00:00Z' }],
  ['paused', { paused_until: '2026-11-25T00:00:00Z', failing_since: '2026-11-22T10:00:00Z' }],
  ['failing', { paused_until: '2026-11-23T00:00:00Z', failing_since: '2026-11-22T10:00:00Z' }],
  ['off', { enabled: false, failing_since: '2026-11-22T10:00:00Z' }],
])('is %s with %j', (standing, more) => {
  expect(standingOf(readWebhook(webhookBody(more)), Date.UTC(2026, 10, 24))).toBe(standing);
});

it('shows names and addresses as text', () => {
  renderStory(stories, 'admin/webhooks/list/all-states');
  expect(screen.getAllByText(HOSTILE_NAME.trim()).length).toBeGreaterThan(0);
  expect(document.querySelector('img')).toBeNull();
  expect(screen.getByText(/and 2 more/)).toBeVisible();
});

describe('making one', () => {
  it('tells at the field why an address is refused, and shows the secret once', async () => {
    routes['GET /webhooks'] = { body: pageBody('webhooks', []) };
    const server = stubServer({
      ...routes,
      'POST /webhooks': problem(422, 'no', { url: 'hooks.lan is a private address' }),
    });
    showSection(WebhooksSection);
    await click('Add a webhook');
    const sheet = await screen.findByRole('dialog', { name: 'New webhook' });
    const make = within(sheet).getByRole('button', { name: 'Make the webhook' });
    await fireEvent.click(make);
    expect(within(sheet).getByText('Give the address')).toBeVisible();
    const field = within(sheet).getByLabelText(/^Address/);
    await fireEvent.input(field, { target: { value: 'https://hooks.lan/x' } });
    await fireEvent.click(make);
    expect(await within(sheet).findByText('hooks.lan is a private address')).toBeVisible();
    expect(field).toHaveAttribute('aria-invalid', 'true');

    server.routes['POST /webhooks'] = {
      status: 201,
      body: { webhook: webhookBody(), secret: 'whsec_abc' },
    };
    await fireEvent.click(make);
    const secret = await screen.findByRole('dialog', { name: 'The secret of this webhook' });
    expect(secret).toHaveTextContent('whsec_abc');
    await fireEvent.click(within(secret).getByRole('button', { name: 'I have copied it' }));
    expect(document.body).not.toHaveTextContent('whsec_abc');
    expect(screen.getByRole('button', { name: /Billing system/ })).toBeVisible();
  });

  it('wants at least one event where not all are sent', async () => {
    routes['GET /webhooks'] = { body: pageBody('webhooks', []) };
    const server = stubServer({ ...routes, 'POST /webhooks': problem(503, 'gone') });
    showSection(WebhooksSection);
    await click('Add a webhook');
    const sheet = await screen.findByRole('dialog');
    await fireEvent.input(within(sheet).getByLabelText(/^Address/), {
      target: { value: 'https://a.example' },
    });
    await fireEvent.click(within(sheet).getByRole('checkbox', { name: 'Every event' }));
    const make = within(sheet).getByRole('button', { name: 'Make the webhook' });
    await fireEvent.click(make);
    expect(within(sheet).getByText('Choose at least one event')).toBeVisible();
    await fireEvent.click(within(sheet).getByRole('checkbox', { name: 'Limit reached' }));
    await fireEvent.click(make);
    await waitFor(() =>
      expect(server.of('POST /webhooks')[0]?.body).toMatchObject({ events: ['limit.reached'] }),
    );
  });
});

describe('one webhook', () => {
  it('shows what was sent, and one delivery in full', async () => {
    stubServer(routes);
    show();
    const table = await screen.findByRole('table', { name: 'Deliveries' });
    expect(within(table).getByText(/^again /)).toBeVisible();
    await fireEvent.click(within(table).getByRole('button', { name: 'limit.reached' }));
    const sheet = await screen.findByRole('dialog', { name: 'limit.reached' });
    expect(sheet).toHaveTextContent('<h1>Internal Server Error</h1>');
    expect(sheet).toHaveTextContent(/"number": "MAI-2026-0007"/);
  });

  it('sends one delivery again', async () => {
    const server = stubServer({
      ...routes,
      'POST /webhooks/deliveries/42/replay': {
        status: 201,
        body: { delivery: deliveryBody({ id: 50, replay_of: 42 }) },
      },
    });
    const { said } = show();
    await click('limit.reached');
    await click('Send again');
    await waitFor(() => expect(said()).toEqual(['It is being sent again']));
    expect(server.of('GET /webhooks/wh-1/deliveries')).toHaveLength(2);
  });

  it('sends again what failed since a day', async () => {
    const server = stubServer({
      ...routes,
      'POST /webhooks/wh-1/replay': { body: { count: 3 } },
    });
    const { said } = show();
    await click('Send again since…');
    const question = await screen.findByRole('alertdialog');
    await fireEvent.input(within(question).getByLabelText(/Since/), {
      target: { value: '2026-11-20' },
    });
    await fireEvent.click(within(question).getByRole('button', { name: 'Send again' }));
    await waitFor(() => expect(said()).toEqual(['3 events are sent again']));
    const begin = new Date('2026-11-20T00:00:00').toISOString();
    expect(server.of('POST /webhooks/wh-1/replay')[0]?.body).toEqual({ since: begin });
  });

  it('says what came of a test', async () => {
    const failed = deliveryBody({ state: 'dead', status: null, problem: 'connection refused' });
    stubServer({ ...routes, 'POST /webhooks/wh-1/test': { body: { delivery: failed } } });
    show();
    await click('Send a test');
    expect(await screen.findByText(/The test did not get through/)).toBeVisible();
    expect(screen.getByText('connection refused')).toBeVisible();
  });

  it('replaces the secret and explains that two sign', async () => {
    const rotated = webhookBody({ previous_secret_until: '2126-11-25T00:00:00Z' });
    const server = stubServer({
      ...routes,
      'POST /webhooks/wh-1/rotate-secret': { body: { webhook: rotated, secret: 'whsec_new' } },
    });
    show();
    await click('More');
    await fireEvent.click(await screen.findByRole('menuitem', { name: 'Replace the secret' }));
    const question = await screen.findByRole('alertdialog');
    await fireEvent.change(within(question).getByRole('combobox'), { target: { value: '72' } });
    await fireEvent.click(within(question).getByRole('button', { name: 'Replace the secret' }));
    const secret = await screen.findByRole('dialog', { name: 'The secret of this webhook' });
    expect(secret).toHaveTextContent(/whsec_new.*the old and the new secret both sign/s);
    const [asked] = server.of('POST /webhooks/wh-1/rotate-secret');
    expect(asked?.query.get('overlap_hours')).toBe('72');
  });

  it('goes away with its deliveries once that is confirmed', async () => {
    stubServer({ ...routes, 'DELETE /webhooks/wh-1': { body: { success: true } } });
    const { place } = show();
    await click('More');
    await fireEvent.click(await screen.findByRole('menuitem', { name: 'Remove' }));
    const question = await screen.findByRole('alertdialog');
    await fireEvent.click(within(question).getByRole('button', { name: 'Remove' }));
    expect(await screen.findByText('Nobody is told of events yet')).toBeVisible();
    expect(place.params).toEqual({});
  });
});
