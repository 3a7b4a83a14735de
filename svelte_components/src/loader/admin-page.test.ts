import { screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAdminPage, type HostAdminPage } from '../testing/admin-page';
import { loadLoader, settled, type LoaderPage } from '../testing/loader';

let page: LoaderPage;
let host: HostAdminPage;

const ours = () => screen.queryByRole('link', { name: 'Usage & billing' });
const ourPanel = () => screen.queryByRole('region', { name: 'Usage & billing' });

/** A click that the host's router follows. */
async function openOurs(): Promise<void> {
  ours()?.click();
  await settled();
}

beforeEach(async () => {
  page = await loadLoader();
});

afterEach(() => page.close());

describe('an admin’s settings page of 0.6.18', () => {
  beforeEach(async () => {
    host = await openAdminPage('general');
  });

  it('has our link behind the host’s tabs, built like them', () => {
    expect(host.tab('db').nextElementSibling).toBe(ours());
    expect(ours()?.className).toBe('tab idle');
    expect(ours()).toHaveAttribute('href', '/admin/settings/organization-usage');
    expect(page.imported.admin).not.toHaveBeenCalled();
  });

  it('shows ours in place of the host’s panel', async () => {
    await openOurs();
    await waitFor(() => expect(page.imported.admin).toHaveBeenCalledOnce());
    expect(ourPanel()).toBeVisible();
    expect(ourPanel()).toHaveClass('panel');
    expect(host.panel).not.toBeVisible();
    expect(ours()?.className).toBe('tab selected');
    expect(ours()).toHaveAttribute('aria-current', 'page');
    expect(host.selected()).toEqual([]);
    expect(location.pathname).toBe('/admin/settings/organization-usage');
  });

  it.each(['general', 'db'])('gives the panel back to the host’s tab “%s”', async (name) => {
    await openOurs();
    host.tab(name).click();
    await settled();
    expect(ourPanel()).toBeNull();
    expect(host.panel).toBeVisible();
    expect(host.panel).toHaveTextContent(name);
    expect(host.selected()).toEqual([name]);
    expect(ours()?.className).toBe('tab idle');
    expect(ours()).not.toHaveAttribute('aria-current');
  });

  it('goes back and forward as the host does', async () => {
    host.tab('db').click();
    await settled();
    await openOurs();
    expect(host.selected()).toEqual([]);
    await host.travel('db');
    expect(ourPanel()).toBeNull();
    expect(host.panel).toHaveTextContent('db');
    expect(host.selected()).toEqual(['db']);
    await host.travel('organization-usage');
    expect(ourPanel()).toBeVisible();
    expect(host.selected()).toEqual([]);
  });

  it('leaves a click that opens another window to the browser', async () => {
    const click = new MouseEvent('click', { bubbles: true, cancelable: true, ctrlKey: true });
    window.addEventListener('click', (event) => event.preventDefault(), { once: true });
    ours()?.dispatchEvent(click);
    await settled();
    expect(ourPanel()).toBeNull();
  });

  it('keeps nothing when the host goes to another page', async () => {
    await openOurs();
    const panel = ourPanel();
    await host.leave();
    expect(panel?.parentNode).toBeNull();
    expect(page.observing.size).toBe(2);
    expect(page.warn).not.toHaveBeenCalled();
  });
});

it('opens at its own address', async () => {
  host = await openAdminPage('organization-usage');
  expect(ourPanel()).toBeVisible();
  expect(host.panel).not.toBeVisible();
  expect(host.selected()).toEqual([]);
});

it('has nothing in a dialog with the same id on another page', async () => {
  host = await openAdminPage('general', { path: '/admin/users' });
  expect(ours()).toBeNull();
});

it('is absent, with one line that says so, where the page is built otherwise', async () => {
  host = await openAdminPage('general', { mutate: (root) => root.lastElementChild?.remove() });
  expect(ours()).toBeNull();
  expect(page.warn).toHaveBeenCalledOnce();
});
