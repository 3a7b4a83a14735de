import { fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { english } from '../testing/locale';
import { COMPLETE_SETUP, OVERVIEW_ROUTES, settingsBody, setupBody } from '../testing/reseller';
import { problem, stubServer, type Routes } from '../testing/server';
import AdminPanel from './AdminPanel.svelte';
import { SECTIONS } from './sections';

let routes: Routes;

// In the browser they are small files; here each is compiled when it is first asked for.
beforeAll(async () => {
  await Promise.all(SECTIONS.map(({ load }) => load()));
}, 120_000);

beforeEach(() => {
  // jsdom has no layout to scroll in.
  Element.prototype.scrollIntoView = vi.fn();
  routes = {
    ...OVERVIEW_ROUTES,
    'GET /setup': { body: COMPLETE_SETUP },
    'GET /settings': { body: settingsBody() },
    'GET /clients': { body: { clients: [], total: 0, offset: 0, limit: 50 } },
  };
});

afterEach(() => history.replaceState(null, '', '/'));

const open = () => render(AdminPanel, { locale: english() });
const at = (state: string) =>
  history.replaceState(null, '', `/?usage-admin=${encodeURIComponent(state)}&chat=1`);

describe('the panel', () => {
  it('opens the overview, and leaves the guide away once everything is set up', async () => {
    stubServer(routes);
    open();
    expect(await screen.findByText('Nothing needs attention right now')).toBeVisible();
    expect(screen.getByRole('button', { name: 'Overview' })).toHaveAttribute(
      'aria-current',
      'page',
    );
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Setup guide' })).toBeNull());
  });

  it('keeps the section in the address, beside what is there', async () => {
    stubServer(routes);
    open();
    await fireEvent.click(await screen.findByRole('button', { name: 'Settings' }));
    expect(location.search).toBe('?usage-admin=section%3Dsettings');
    expect(await screen.findByRole('region', { name: 'Settings' })).toBeVisible();
  });

  it('opens what the address says', async () => {
    at('section=settings&group=alerts');
    stubServer(routes);
    open();
    expect(await screen.findByRole('form', { name: 'Alerts' })).toBeVisible();
    await fireEvent.click(screen.getByRole('button', { name: 'Overview' }));
    expect(location.search).toBe('?chat=1');
  });

  it.each([404, 403])('tells who is no admin so (%d)', async (status) => {
    stubServer({ ...routes, 'GET /setup': problem(status, 'no') });
    open();
    expect(await screen.findByText('This page is for administrators')).toBeVisible();
    expect(screen.queryByRole('navigation')).toBeNull();
  });

  it('begins with the guide where nothing is set up', async () => {
    stubServer({ ...routes, 'GET /setup': { body: setupBody('pricing') } });
    open();
    expect(await screen.findByRole('heading', { name: 'Set up usage and billing' })).toBeVisible();
  });

  it('offers to go on with the guide, and does not insist', async () => {
    stubServer({ ...routes, 'GET /setup': { body: setupBody('pricing', 'organization') } });
    open();
    expect(await screen.findByText('Setup: 2 of 5 steps done')).toBeVisible();
    expect(await screen.findByText('Nothing needs attention right now')).toBeVisible();
    await fireEvent.click(screen.getByRole('button', { name: 'Continue' }));
    expect(await screen.findByRole('heading', { name: 'Set up usage and billing' })).toBeVisible();
  });
});
