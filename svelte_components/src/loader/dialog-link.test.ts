import { screen } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openHostDialog, type HostDialog } from '../testing/dialog';
import { loadLoader, settled, type LoaderPage } from '../testing/loader';

let page: LoaderPage;
let host: HostDialog;

const ours = () => screen.queryByRole('tab', { name: 'Organization usage' });
const selectedTabs = () => screen.queryAllByRole('tab', { selected: true });

beforeEach(async () => {
  page = await loadLoader();
});

afterEach(() => page.close());

it.each([
  ['organization-usage', 'Organization usage'],
  ['admin:organization-usage', 'Usage & billing'],
])('opens on the tab that ?settings=%s asks for', async (link, name) => {
  history.replaceState(null, '', `/?settings=${encodeURIComponent(link)}`);
  host = openHostDialog('0.12.4');
  await settled();
  expect(selectedTabs()).toEqual([screen.getByRole('tab', { name })]);
  expect(host.panel).not.toBeVisible();
});

it('leaves a link to the admins’ page without effect for a member', async () => {
  history.replaceState(null, '', '/?settings=admin:organization-usage');
  host = openHostDialog('0.12.4', { admin: false });
  await settled();
  expect(selectedTabs()).toEqual([host.tab('general')]);
  expect(page.imported.admin).not.toHaveBeenCalled();
});

it('remembers a link that the host has taken out of the address before its dialog is there', async () => {
  await page.close();
  history.replaceState(null, '', '/?settings=organization-usage');
  page = await loadLoader();
  history.replaceState(null, '', '/');
  host = openHostDialog('0.12.4');
  await settled();
  expect(selectedTabs()).toEqual([ours()]);
  host.close();
  await settled();
  host = openHostDialog('0.12.4');
  await settled();
  expect(selectedTabs()).toEqual([host.tab('general')]);
});

it('follows a link to the admins’ page once their tabs are drawn', async () => {
  history.replaceState(null, '', '/?settings=admin:organization-usage');
  let lists: Element[] = [];
  host = openHostDialog('0.12.4', {
    mutate: (modal) => {
      lists = [...modal.querySelectorAll('[aria-label="Admin"]')];
      for (const list of lists) list.remove();
    },
  });
  await settled();
  expect(selectedTabs()).toEqual([host.tab('general')]);
  history.replaceState(null, '', '/');
  host.container.querySelector('.tabs')?.append(...lists);
  await settled();
  expect(selectedTabs()).toEqual([screen.getByRole('tab', { name: 'Usage & billing' })]);
});
