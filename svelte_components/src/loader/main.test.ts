import { screen, waitFor } from '@testing-library/svelte';
import { afterEach, expect, it, vi } from 'vitest';
import { openHostDialog } from '../testing/dialog';
import { CONFIG, loadLoader, settled, type LoaderPage } from '../testing/loader';

let page: LoaderPage;

const ours = () => screen.queryByRole('tab', { name: 'Organization usage' });
const ourPanel = () => document.getElementById('tab-organization-usage');

afterEach(() => page.close());

it('is absent for visitors who are not signed in', async () => {
  page = await loadLoader();
  localStorage.clear();
  openHostDialog('0.12.4');
  await settled();
  expect(ours()).toBeNull();
  expect(page.warn).not.toHaveBeenCalled();
});

it('does nothing the second time it is loaded into a page', async () => {
  page = await loadLoader();
  const before = page.observing.size;
  vi.resetModules();
  await import('./main');
  expect(page.observing.size).toBe(before);
  openHostDialog('0.12.4');
  await settled();
  expect(screen.getAllByRole('tab', { name: 'Organization usage' })).toHaveLength(1);
});

it('adds no tab whose module was not built', async () => {
  const modules = { 'organization-usage': CONFIG.modules['organization-usage'] };
  page = await loadLoader({ config: { ...CONFIG, modules } });
  openHostDialog('0.12.4');
  await settled();
  expect(ours()).toBeVisible();
  expect(screen.queryByRole('tab', { name: 'Usage & billing' })).toBeNull();
});

it('fetches each file of a module with its hash, once for all openings', async () => {
  page = await loadLoader();
  for (let times = 0; times < 2; times += 1) {
    const host = openHostDialog('0.12.4');
    await settled();
    ours()?.click();
    await waitFor(() => expect(page.imported['organization-usage']).toHaveBeenCalledOnce());
    host.close();
    await settled();
  }
  expect(page.preloaded).toEqual([
    { href: `${CONFIG.base}organization-usage-1.js`, integrity: 'sha384-usage' },
    { href: `${CONFIG.base}shared-1.js`, integrity: 'sha384-shared' },
  ]);
});

it('runs nothing of a module of which one file is not what was built, and says so', async () => {
  page = await loadLoader({ fails: (href: string) => href.includes('shared') });
  const host = openHostDialog('0.12.4');
  await settled();
  ours()?.click();
  await waitFor(() => expect(ourPanel()).toHaveTextContent(/could not be loaded/));
  expect(page.imported['organization-usage']).not.toHaveBeenCalled();
  expect(page.warn).toHaveBeenCalledOnce();
  host.tab('general').click();
  expect(host.panel).toBeVisible();
});
