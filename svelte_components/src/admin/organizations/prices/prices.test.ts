import { fireEvent, screen, waitFor } from '@testing-library/svelte';
import { get } from 'svelte/store';
import { beforeEach, expect, it, vi } from 'vitest';
import {
  organizationBody,
  previewBody,
  reportBody,
  ruleBody,
} from '../../../testing/organizations';
import { showSection } from '../../../testing/section';
import { problem, stubServer, type Routes } from '../../../testing/server';
import OrganizationsSection from '../OrganizationsSection.svelte';

// A whole section takes a moment to be drawn in jsdom.
vi.setConfig({ testTimeout: 30_000 });

const PLANNED = ruleBody({
  id: 4,
  model_pattern: 'openai/*',
  effective_from: '2030-01-01T00:00:00Z',
  markup_rate: '1.5',
});
const RULES = [
  ruleBody({ id: 1, markup_rate: '1.2', effective_from: '2025-01-01T00:00:00Z' }),
  ruleBody({ id: 2 }),
  ruleBody({ id: 3, model_pattern: 'anthropic/*', markup_rate: '1.4', fixed_fee: '0.01' }),
  PLANNED,
];

let routes: Routes;

beforeEach(() => {
  routes = {
    'GET /clients/acme': { body: { client: organizationBody() } },
    'GET /pricing-rules': { body: { rules: RULES, total: 4 } },
    'GET /usage/report': { body: reportBody('model', ['openai/gpt-5']) },
    'POST /pricing-rules/preview': { body: previewBody() },
  };
});

const show = () => showSection(OrganizationsSection, { client: 'acme', tab: 'prices' });
const press = async (name: string) => fireEvent.click(await screen.findByText(name));
const write = (name: string, value: string) =>
  fireEvent.input(screen.getByLabelText(name, { selector: 'form input' }), { target: { value } });

it('shows what holds and what is planned, and keeps the rest as history', async () => {
  stubServer(routes);
  show();
  const table = await screen.findByRole('table', { name: 'Prices in force and planned' });
  expect(table).toHaveTextContent('anthropic/*');
  expect(table).toHaveTextContent('× 1.5');
  expect(table).not.toHaveTextContent('× 1.2');
  expect(screen.getByText('History: 1 price')).toBeVisible();
});

it('says which price decides about a model', async () => {
  stubServer(routes);
  show();
  const model = await screen.findByLabelText('Model');
  await fireEvent.input(model, { target: { value: 'anthropic/claude-opus-4' } });
  expect(screen.getByText(/× 1.4 plus \$0.01 for each call.*anthropic/)).toBeVisible();
  await fireEvent.input(model, { target: { value: 'openai/gpt-5' } });
  expect(screen.getByText(/× 1.3 plus .* Acme for Every model/)).toBeVisible();
});

it('tries a price on a month before it is saved', async () => {
  const server = stubServer({
    ...routes,
    'POST /pricing-rules': { status: 201, body: { rule: ruleBody({ id: 9 }) } },
  });
  const { said } = show();
  await press('New price');
  await write('Models', 'openai/*');
  await write('Markup', '1.35');
  await press('Try it');
  const preview = await screen.findByRole('table', { name: /Oct 2026 with the new price/ });
  expect(preview).toHaveTextContent('openai/gpt-5');
  expect(preview).not.toHaveTextContent('gpt-5-mini');
  expect(preview).toHaveTextContent('+$1.00');
  expect(server.of('POST /pricing-rules')).toHaveLength(0);
  expect(server.of('POST /pricing-rules/preview')[0]?.body).toMatchObject({
    model_pattern: 'openai/*',
    markup_rate: '1.35',
    month: '2026-10',
  });
  await press('Save price');
  await waitFor(() => expect(said()).toEqual(['The new price holds from now on.']));
  expect(server.of('POST /pricing-rules')[0]?.body).toEqual({
    client_id: 'acme',
    model_pattern: 'openai/*',
    effective_from: null,
    markup_rate: '1.35',
    fixed_fee: '0',
    allow_loss: false,
  });
});

it('says at the field what the server found wrong', async () => {
  stubServer({
    ...routes,
    'POST /pricing-rules': problem(409, 'taken', { effective_from: 'such a rule stands already' }),
  });
  show();
  await press('New price');
  await fireEvent.click(screen.getByLabelText('From a day on'));
  await press('Save price');
  expect(screen.getByLabelText('Day')).toBeInvalid();
  await write('Day', '2030-01-01');
  await press('Save price');
  await waitFor(() =>
    expect(screen.getByLabelText('Day')).toHaveAccessibleDescription(/such a rule stands already/),
  );
});

it('takes a planned price back, and plans it again', async () => {
  const server = stubServer({
    ...routes,
    'DELETE /pricing-rules/4': { body: { success: true } },
    'POST /pricing-rules': { status: 201, body: { rule: PLANNED } },
  });
  const { said, toasts } = show();
  await fireEvent.click(await screen.findByLabelText('Take back the planned price for openai/*'));
  await waitFor(() => expect(said()).toEqual(['The planned price was taken back.']));
  get(toasts.shown)[0]?.action?.run();
  await waitFor(() =>
    expect(server.of('POST /pricing-rules')[0]?.body).toMatchObject({
      model_pattern: 'openai/*',
      effective_from: '2030-01-01T00:00:00.000Z',
      markup_rate: '1.5',
    }),
  );
});
