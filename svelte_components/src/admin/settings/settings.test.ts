import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it } from 'vitest';
import { readSettings } from '../../client/settings';
import { entryBody, pageBody } from '../../testing/billing';
import { settingsBody } from '../../testing/reseller';
import { showSection } from '../../testing/section';
import { problem, stubServer, type Routes } from '../../testing/server';
import { changesOf, isLoss, parsed, withChanges } from './draft';
import { GROUPS } from './fields';
import SettingsSection from './SettingsSection.svelte';

const settings = readSettings(settingsBody(), new Headers({ ETag: '"1"' }));
const fields = GROUPS.flatMap((group) => group.fields);

describe('what is written', () => {
  it.each([
    ['decimal', '1,350000000001', '1.350000000001'],
    ['whole', ' 250 ', 250],
    ['wholes', '80, 100', [80, 100]],
    ['wholes', '', []],
    ['texts', 'a@b.c,\nd@e.f;', ['a@b.c', 'd@e.f']],
    ['currency', 'pln', 'PLN'],
    ['text', ' as it is ', 'as it is'],
  ] as const)('%s: %j becomes %j', (kind, written, value) => {
    expect(parsed(kind, written)).toEqual({ ok: true, value });
  });

  it.each([
    ['decimal', 'much', 'settings.notDecimal'],
    ['whole', '1.5', 'settings.notWhole'],
    ['wholes', '80, x', 'settings.notWhole'],
  ] as const)('%s: %j cannot be sent', (kind, written, told) => {
    expect(parsed(kind, written)).toEqual({ ok: false, problem: told });
  });

  it('sends only what differs', () => {
    const edits = {
      default_markup_rate: '1.30',
      alert_emails: 'ops@example.com',
      fx_sources: [
        { currency: 'pln', source: 'nbp' },
        { currency: '', source: 'ecb' },
      ],
      rate_limit: '60',
    };
    expect(changesOf(fields, edits, settings.values)).toEqual({
      changes: { rate_limit: 60 },
      problems: {},
    });
  });

  it('knows a loss, exactly', () => {
    expect(isLoss({ default_markup_rate: '0.999999999999' })).toBe(true);
    expect(isLoss({ default_markup_rate: '1.000' })).toBe(false);
    expect(isLoss({ default_markup_rate: null })).toBe(false);
  });

  it('shows a change before the server has it, and never a secret', () => {
    const next = withChanges(settings, {
      timezone: 'Europe/Warsaw',
      openrouter_provisioning_key: 'sk-or-v1-secret',
      seller_name: null,
    });
    expect(next.values.timezone).toBe('Europe/Warsaw');
    expect(next.sources.timezone).toBe('database');
    expect(JSON.stringify(next)).not.toContain('secret');
    expect(next.sources.seller_name).toBeUndefined();
  });
});

describe('the form', () => {
  let routes: Routes;

  beforeEach(() => {
    routes = {
      'GET /settings': { body: settingsBody() },
      'GET /clients': { body: pageBody('clients', [entryBody()]) },
    };
  });

  const group = (name: string) => screen.findByRole('form', { name });
  const write = (field: HTMLElement, value: string) =>
    fireEvent.input(field, { target: { value } });

  it('says where each value comes from, and takes an override away', async () => {
    const server = stubServer({ ...routes, 'POST /settings': { body: settingsBody() } });
    showSection(SettingsSection);
    const prices = within(await group('Prices and organizations'));
    expect(prices.getByText('Set here')).toBeVisible();
    expect(prices.getByText('From the environment')).toBeVisible();
    expect(prices.getByText('Default')).toBeVisible();
    await fireEvent.click(
      prices.getByRole('button', { name: 'Remove what is set here for “Default markup”' }),
    );
    await waitFor(() =>
      expect(server.of('POST /settings')[0]?.body).toEqual({ default_markup_rate: null }),
    );
  });

  it('keeps what was written and says at the field why it was refused', async () => {
    stubServer({
      ...routes,
      'POST /settings': problem(422, 'no', { timezone: 'timezone Mars is no zone' }),
    });
    const { said } = showSection(SettingsSection);
    const prices = within(await group('Prices and organizations'));
    const zone = prices.getByRole('combobox', { name: 'Time zone' });
    await write(zone, 'Mars');
    await fireEvent.click(prices.getByRole('button', { name: 'Save' }));
    expect(await prices.findByText('timezone Mars is no zone')).toBeVisible();
    expect(zone).toHaveValue('Mars');
    expect(zone).toHaveAttribute('aria-invalid', 'true');
    expect(prices.getByText('From the environment')).toBeVisible();
    expect(said()).toEqual(['Nothing was changed']);
  });

  it('does not overwrite what somebody else changed meanwhile', async () => {
    const server = stubServer({ ...routes, 'POST /settings': problem(412, 'changed') });
    showSection(SettingsSection);
    const metering = within(await group('Metering'));
    await write(metering.getByRole('textbox', { name: 'Wait for a commit' }), '300');
    await fireEvent.click(metering.getByRole('button', { name: 'Save' }));
    server.routes['GET /settings'] = { body: settingsBody({ commit_wait_ms: 400 }) };
    await fireEvent.click(await metering.findByRole('button', { name: 'Load again' }));
    await waitFor(() => expect(server.of('GET /settings')).toHaveLength(2));
    expect(metering.getByRole('textbox', { name: 'Wait for a commit' })).toHaveValue('300');
    expect(metering.getByRole('button', { name: 'Save' })).toBeVisible();
  });

  it('asks twice before it sells at a loss', async () => {
    const server = stubServer({ ...routes, 'POST /settings': { body: settingsBody() } });
    showSection(SettingsSection);
    const prices = within(await group('Prices and organizations'));
    await write(prices.getByRole('textbox', { name: 'Default markup' }), '0,9');
    await fireEvent.click(prices.getByRole('checkbox'));
    await fireEvent.click(prices.getByRole('button', { name: 'Save' }));
    await waitFor(() =>
      expect(server.of('POST /settings')[0]?.body).toEqual({
        default_markup_rate: '0.9',
        allow_loss: true,
      }),
    );
  });

  it('writes a secret and never shows one', async () => {
    const server = stubServer({ ...routes, 'POST /settings': { body: settingsBody() } });
    const { said, baseElement } = showSection(SettingsSection);
    const openrouter = within(await group('OpenRouter'));
    expect(openrouter.getByText('sk-or-v1-…abc')).toBeVisible();
    await fireEvent.click(openrouter.getByRole('button', { name: 'Replace' }));
    await write(openrouter.getByLabelText('Provisioning key'), 'sk-or-v1-new');
    await fireEvent.click(openrouter.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(said()).toEqual(['Settings saved']));
    expect(server.of('POST /settings')[0]?.body).toEqual({
      openrouter_provisioning_key: 'sk-or-v1-new',
    });
    expect(baseElement.querySelector('input[type="password"]')).toBeNull();
  });

  it('puts rules in order and takes them away', async () => {
    const server = stubServer({ ...routes, 'POST /settings': { body: settingsBody() } });
    showSection(SettingsSection);
    const newcomers = within(await group('Newcomers'));
    await fireEvent.click(await newcomers.findByRole('button', { name: 'Add a rule' }));
    const value = newcomers.getAllByRole('textbox', { name: 'Which one' })[1] as HTMLElement;
    await write(value, 'fjord.no');
    await fireEvent.click(newcomers.getByRole('button', { name: 'Move up' }));
    await fireEvent.click(
      newcomers.getAllByRole('button', { name: 'Remove the rule' })[1] as never,
    );
    await fireEvent.click(newcomers.getByRole('button', { name: 'Save' }));
    await waitFor(() =>
      expect(server.of('POST /settings')[0]?.body).toEqual({
        assignment_rules: [
          { kind: 'email_domain', value: 'fjord.no', client_org_id: 'acme', role: 'member' },
        ],
      }),
    );
  });
});
