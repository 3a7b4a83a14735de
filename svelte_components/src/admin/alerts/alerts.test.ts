import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it } from 'vitest';
import { readAlert } from '../../client/alerts';
import { alertBody, ALERT_BODIES, muteBody, ruleBody } from '../../testing/alerts';
import { entryBody, HOSTILE_NAME, pageBody } from '../../testing/billing';
import { english } from '../../testing/locale';
import { showSection } from '../../testing/section';
import { problem, stubServer, type Routes } from '../../testing/server';
import AlertsSection from './AlertsSection.svelte';
import { endOf } from './mute-end';
import { sentenceOf } from './sentences';

let routes: Routes;

beforeEach(() => {
  routes = {
    'GET /alerts': { body: pageBody('alerts', [alertBody()]) },
    'GET /alerts/rules': { body: pageBody('rules', [ruleBody()]) },
    'GET /alerts/mutes': { body: pageBody('mutes', []) },
    'GET /clients': { body: pageBody('clients', [entryBody()]) },
    'GET /user-mappings': { body: pageBody('mappings', []) },
  };
});

const button = (name: string | RegExp) => screen.findByRole('button', { name });
const click = async (name: string | RegExp) => fireEvent.click(await button(name));

describe('what has happened', () => {
  it.each(ALERT_BODIES.map((body) => [body.kind, body] as const))('says %s', (_kind, body) => {
    const sentence = sentenceOf(readAlert(body), 'Ola', english());
    expect(sentence).not.toMatch(/\{|undefined|NaN/);
    expect(sentence.length).toBeGreaterThan(5);
  });

  it('names the figures and the user', () => {
    const [threshold, , spend] = ALERT_BODIES.map((body) =>
      sentenceOf(readAlert(body), 'Ola', english()),
    );
    expect(threshold).toBe('80% of the limit is spent: $80.25 of $100.00');
    expect(spend).toMatch(/Ola.*Nov 2026 passed \$50\.00 and was \$50\.10/);
  });
});

describe('the list', () => {
  it('shows who it is about by name, as text, with the rule', async () => {
    routes['GET /clients'] = { body: pageBody('clients', [entryBody({ name: HOSTILE_NAME })]) };
    stubServer(routes);
    showSection(AlertsSection);
    const list = await screen.findByRole('list', { name: 'Alerts' });
    expect(await within(list).findByRole('button', { name: HOSTILE_NAME.trim() })).toBeVisible();
    expect(await within(list).findByText('Limits')).toBeVisible();
    expect(list.querySelector('img')).toBeNull();
  });

  it('takes an alert on at once, with a note', async () => {
    const server = stubServer({
      ...routes,
      'POST /alerts/7/acknowledge': {
        body: { alert: alertBody({ state: 'acknowledged', note: 'mine' }) },
      },
    });
    const { said } = showSection(AlertsSection);
    await click('Take on');
    const dialog = await screen.findByRole('alertdialog');
    await fireEvent.input(within(dialog).getByRole('textbox'), { target: { value: 'mine' } });
    await fireEvent.click(within(dialog).getByRole('button', { name: 'Take on' }));
    expect(await screen.findByText('Nothing needs attention')).toBeVisible();
    await waitFor(() => expect(said()).toEqual(['The alert is taken on']));
    expect(server.of('POST /alerts/7/acknowledge')[0]?.body).toEqual({ note: 'mine' });
  });

  it('puts an alert back that could not be changed, and says why', async () => {
    const server = stubServer({
      ...routes,
      'POST /alerts/7/resolve': problem(409, 'the alert is resolved already'),
    });
    const { said } = showSection(AlertsSection);
    await click('Mark as over');
    const dialog = await screen.findByRole('alertdialog');
    await fireEvent.click(within(dialog).getByRole('button', { name: 'Mark as over' }));
    await waitFor(() => expect(said().join()).toContain('the alert is resolved already'));
    expect(await button('Mark as over')).toBeVisible();
    await waitFor(() => expect(server.of('GET /alerts')).toHaveLength(2));
  });

  it('asks for what the filters say and keeps them in the address', async () => {
    const server = stubServer(routes);
    const { place } = showSection(AlertsSection, { severity: 'critical', state: 'resolved' });
    await screen.findByRole('list', { name: 'Alerts' });
    expect(Object.fromEntries(server.of('GET /alerts')[0]?.query ?? [])).toMatchObject({
      severity: 'critical',
      state: 'resolved',
    });
    await fireEvent.change(screen.getByLabelText('Kind'), { target: { value: 'usage.quiet' } });
    expect(place.params).toEqual({ severity: 'critical', state: 'resolved', kind: 'usage.quiet' });
    await waitFor(() => expect(server.of('GET /alerts')[1]?.query.get('kind')).toBe('usage.quiet'));
  });

  it('offers to try again when the list does not come', async () => {
    const server = stubServer({ ...routes, 'GET /alerts': problem(503, 'the database is gone') });
    showSection(AlertsSection);
    expect(await screen.findByText('the database is gone')).toBeVisible();
    server.routes['GET /alerts'] = { body: pageBody('alerts', []) };
    await click('Try again');
    expect(await screen.findByText('Nothing needs attention')).toBeVisible();
  });
});

describe('rules', () => {
  it('asks only for what a kind can be told, and makes the rule', async () => {
    const server = stubServer({
      ...routes,
      'POST /alerts/rules': { status: 201, body: { rule: ruleBody({ id: 9, name: 'Nights' }) } },
    });
    showSection(AlertsSection, { tab: 'rules' });
    await click('Add a rule');
    const sheet = await screen.findByRole('dialog');
    await fireEvent.change(within(sheet).getByLabelText('What it watches'), {
      target: { value: 'pending' },
    });
    expect(within(sheet).queryByLabelText(/Amounts/)).toBeNull();
    await fireEvent.input(within(sheet).getByLabelText(/Hours unsettled/), {
      target: { value: '48' },
    });
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Add a rule' }));
    expect(within(sheet).getByText('Give it a name')).toBeVisible();
    await fireEvent.input(within(sheet).getByLabelText(/^Name/), { target: { value: 'Nights' } });
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Add a rule' }));
    expect(await button('Nights')).toBeVisible();
    expect(server.of('POST /alerts/rules')[0]?.body).toMatchObject({
      kind: 'pending',
      parameters: { hours: 48 },
    });
  });

  it('shows at its field what the server found wrong', async () => {
    stubServer({
      ...routes,
      'PATCH /alerts/rules/1': problem(422, 'no', { 'parameters.thresholds': 'at most 20' }),
    });
    showSection(AlertsSection, { tab: 'rules' });
    await click('Limits');
    const sheet = await screen.findByRole('dialog', { name: 'Limits' });
    await fireEvent.click(within(sheet).getByRole('checkbox', { name: /of the settings/ }));
    const field = within(sheet).getByLabelText(/Percentages of the limit/);
    await fireEvent.input(field, { target: { value: '50' } });
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Save' }));
    expect(await within(sheet).findByText('at most 20')).toBeVisible();
    expect(field).toHaveAttribute('aria-invalid', 'true');
  });

  it('turns a switch back that the server would not turn', async () => {
    stubServer({ ...routes, 'PATCH /alerts/rules/1': problem(503, 'gone') });
    const { said } = showSection(AlertsSection, { tab: 'rules' });
    const turned = await screen.findByRole('switch', { name: 'Limits is on' });
    await fireEvent.click(turned);
    await waitFor(() => expect(said().join()).toContain('gone'));
    expect(screen.getByRole('switch', { name: 'Limits is on' })).toBeChecked();
  });
});

describe('mutes', () => {
  it('mutes an organization for a week', async () => {
    const server = stubServer({
      ...routes,
      'POST /alerts/mutes': { status: 201, body: { mute: muteBody() } },
    });
    const { said } = showSection(AlertsSection, { tab: 'mutes' });
    await click('Mute');
    const sheet = await screen.findByRole('dialog');
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Mute' }));
    expect(within(sheet).getByText('Choose a rule, an organization, or both')).toBeVisible();
    await fireEvent.change(within(sheet).getByLabelText('Organization'), {
      target: { value: 'acme' },
    });
    await fireEvent.change(within(sheet).getByLabelText('How long'), { target: { value: '7d' } });
    const before = Date.now();
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Mute' }));
    expect(await button('End')).toBeVisible();
    const sent = server.of('POST /alerts/mutes')[0]?.body as { until: string; client_id: string };
    expect(sent.client_id).toBe('acme');
    expect(Date.parse(sent.until) - before).toBeGreaterThanOrEqual(7 * 86_400_000);
    expect(said()).toHaveLength(1);
  });

  it('ends a day with that day', () => {
    expect(endOf('date', '2026-12-31', 0)).toBe(new Date(2027, 0, 1).getTime());
    expect(endOf('date', '', 0)).toBeNull();
    expect(endOf('4h', '', 1_000)).toBe(14_401_000);
  });
});

it('shows each step of a test message', async () => {
  const steps = [
    { name: 'connecting', is_done: true, detail: '' },
    { name: 'signing in', is_done: false, detail: '535 bad credentials' },
  ];
  stubServer({ ...routes, 'POST /alerts/test': { body: { success: false, message: '', steps } } });
  showSection(AlertsSection, { tab: 'channels' });
  const [first] = await screen.findAllByRole('button', { name: 'Send a test' });
  await fireEvent.click(first as HTMLElement);
  expect(await screen.findByText('The test did not get through')).toBeVisible();
  expect(screen.getByText('535 bad credentials')).toBeVisible();
});
