import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { get } from 'svelte/store';
import { expect, it, vi } from 'vitest';
import { keyBody, organizationBody } from '../../../testing/organizations';
import { showSection } from '../../../testing/section';
import { problem, stubServer, type Routes } from '../../../testing/server';
import OrganizationsSection from '../OrganizationsSection.svelte';

// A whole section takes a moment to be drawn in jsdom.
vi.setConfig({ testTimeout: 30_000 });

const NONE = { state: 'none', label: null, checked_at: null };
const SECRET = 'sk-or-v1-0123456789abcdef';

function show(key: Record<string, unknown>, routes: Routes = {}) {
  const server = stubServer({
    'GET /clients/acme': { body: { client: organizationBody({ key: keyBody(key) }) } },
    ...routes,
  });
  return { server, ...showSection(OrganizationsSection, { client: 'acme', tab: 'key' }) };
}

const press = async (name: string) => fireEvent.click(await screen.findByText(name));

it.each([
  ['none', ['Make a key', 'Enter a key']],
  ['active', ['Rotate', 'Disable', 'Compare with OpenRouter']],
  ['disabled', ['Enable', 'Enter a key', 'Compare with OpenRouter']],
  ['lost', ['Make a key', 'Enter a key', 'Compare with OpenRouter']],
  ['needs_reentry', ['Enter a key', 'Make a key', 'Compare with OpenRouter']],
])('offers what can be done with a key that is %s', async (state, deeds) => {
  show({ state });
  const card = (await screen.findByText('Key at OpenRouter')).closest('section') as HTMLElement;
  expect(
    within(card)
      .getAllByRole('button')
      .map((button) => button.textContent.trim()),
  ).toEqual(deeds);
});

it('says what is wrong with a key and what to do', async () => {
  show({ state: 'lost', problem: 'OpenRouter answered 404' });
  expect(await screen.findByRole('alert')).toHaveTextContent(
    /OpenRouter does not know this key any more.*Make a new one.*OpenRouter answered 404/,
  );
});

it('makes a key, and shows its masked label', async () => {
  const { said } = show(NONE, {
    'POST /clients/acme/key/provision': { body: { message: 'Made.', key: keyBody() } },
  });
  await press('Make a key');
  expect(await screen.findByText('sk-or-v1-abc…xyz')).toBeVisible();
  expect(said()).toEqual(['The key was made.']);
});

it('asks before it rotates, and keeps asking where that failed', async () => {
  const { server, said } = show(
    {},
    { 'POST /clients/acme/key/rotate': problem(502, 'OpenRouter is away') },
  );
  await press('Rotate');
  const question = screen.getByRole('alertdialog', { name: 'Rotate the key?' });
  expect(question).toHaveTextContent(/Acme gets a new key at once/);
  expect(server.of('POST /clients/acme/key/rotate')).toHaveLength(0);
  await fireEvent.click(within(question).getByRole('button', { name: 'Rotate' }));
  await waitFor(() => expect(said()[0]).toMatch(/OpenRouter is away/));
  expect(screen.getByRole('alertdialog')).toBeVisible();
});

it('disables a key after a question, and enables it again by undoing', async () => {
  const { server, toasts } = show(
    {},
    {
      'POST /clients/acme/key/disable': { body: { key: keyBody({ state: 'disabled' }) } },
      'POST /clients/acme/key/enable': { body: { key: keyBody() } },
    },
  );
  await press('Disable');
  const question = screen.getByRole('alertdialog');
  await fireEvent.click(within(question).getByRole('button', { name: 'Disable' }));
  expect(await screen.findByText('Disabled')).toBeVisible();
  get(toasts.shown)[0]?.action?.run();
  expect(await screen.findByText('Active')).toBeVisible();
  expect(server.of('POST /clients/acme/key/enable')).toHaveLength(1);
});

it('takes a key by hand, and shows it nowhere', async () => {
  const { server, container, said } = show(NONE, {
    'PUT /clients/acme/key': problem(422, 'no', { key: 'OpenRouter does not know this key' }),
  });
  await press('Enter a key');
  const secret = screen.getByLabelText(/^OpenRouter key/);
  expect(secret).toHaveAttribute('type', 'password');
  await press('Store the key');
  expect(secret).toHaveAccessibleDescription(/Enter the key/);
  await fireEvent.input(secret, { target: { value: ` ${SECRET} ` } });
  await press('Store the key');
  await waitFor(() => expect(secret).toHaveAccessibleDescription(/does not know this key/));
  expect(server.of('PUT /clients/acme/key')[0]?.body).toEqual({ key: SECRET });

  server.routes['PUT /clients/acme/key'] = { body: { key: keyBody() } };
  await press('Store the key');
  await waitFor(() => expect(said()).toEqual(['The key was stored.']));
  expect(container.innerHTML).not.toContain(SECRET);
});

it('changes no key of an organization that is deactivated', async () => {
  stubServer({
    'GET /clients/acme': {
      body: {
        client: organizationBody({ is_active: false, key: keyBody({ state: 'disabled' }) }),
      },
    },
  });
  showSection(OrganizationsSection, { client: 'acme', tab: 'key' });
  expect(await screen.findByText(/Reactivate it to change its key/)).toBeVisible();
  expect(screen.getByRole('button', { name: 'Enable' })).toBeDisabled();
});
