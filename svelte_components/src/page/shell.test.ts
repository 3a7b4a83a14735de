import { fireEvent, screen, within } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import texts from '../locale/en/page.json';
import { drawPage } from './shell';
import type { Session } from './session';

const load = vi.fn<(name: string) => Promise<unknown>>();

beforeEach(() => {
  load.mockReset().mockResolvedValue(undefined);
  history.replaceState(null, '', '/ui/');
});
afterEach(() => document.body.replaceChildren());

function draw(session: Session, name = 'Acme <b>Chat</b>'): void {
  drawPage({ say: (key) => texts[key], name, session, load });
}

const tab = (name: string) => screen.getByRole('tab', { name });

it('shows a member the organization alone', () => {
  draw({ isAdmin: false });
  expect(screen.queryByRole('tablist')).toBeNull();
  expect(document.querySelector('main mai-organization-usage')).not.toBeNull();
  expect(load.mock.calls).toEqual([['organization-usage']]);
});

it('says the installation’s name as text', () => {
  draw({ isAdmin: false });
  expect(screen.getByRole('link', { name: /Acme <b>Chat<\/b>/ })).toHaveAttribute('href', '/');
  expect(document.title).toBe('Usage & billing · Acme <b>Chat</b>');
});

it('loads the administration of an admin when it is first looked at', () => {
  draw({ isAdmin: true });
  expect(tab('Your organization')).toHaveAttribute('aria-selected', 'true');
  expect(load).toHaveBeenCalledTimes(1);
  fireEvent.click(tab('Administration'));
  expect(load.mock.calls[1]).toEqual(['admin']);
  expect(location.hash).toBe('#administration');
  const panel = screen.getByRole('tabpanel', { name: 'Administration' });
  expect(panel.querySelector('mai-usage-admin')).not.toBeNull();
  fireEvent.click(tab('Your organization'));
  fireEvent.click(tab('Administration'));
  expect(load).toHaveBeenCalledTimes(2);
});

it('opens what the address asks for', () => {
  history.replaceState(null, '', '#administration');
  draw({ isAdmin: true });
  expect(load.mock.calls).toEqual([['admin']]);
});

it.each([
  ['ArrowRight', 'Administration'],
  ['ArrowLeft', 'Administration'],
  ['End', 'Administration'],
  ['Home', 'Your organization'],
])('moves with %s to %s', (key, name) => {
  draw({ isAdmin: true });
  tab('Your organization').focus();
  fireEvent.keyDown(tab('Your organization'), { key });
  expect(tab(name)).toHaveFocus();
  expect(screen.getAllByRole('tab').filter((each) => each.tabIndex === 0)).toEqual([tab(name)]);
});

it('says when a module cannot be had, and tries again', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  load.mockRejectedValueOnce(new Error('not what was built'));
  draw({ isAdmin: false });
  const note = await screen.findByRole('alert');
  expect(note).toHaveTextContent('could not be loaded');
  expect(document.querySelector('mai-organization-usage')).toBeNull();
  fireEvent.click(within(note).getByRole('button', { name: 'Try again' }));
  expect(document.querySelector('mai-organization-usage')).not.toBeNull();
  expect(load).toHaveBeenCalledTimes(2);
});

it('leads whoever is not signed in to the host’s sign-in', () => {
  draw('nobody');
  expect(screen.getByText(/Nobody is signed in/)).toBeVisible();
  expect(screen.getByRole('link', { name: 'Sign in' })).toHaveAttribute(
    'href',
    '/auth?redirect=%2Fui%2F',
  );
  expect(load).not.toHaveBeenCalled();
});

it('says when the server cannot be reached', () => {
  draw('unreachable');
  expect(screen.getByText(/could not be reached/)).toBeVisible();
  expect(screen.getByRole('button', { name: 'Try again' })).toBeVisible();
});
