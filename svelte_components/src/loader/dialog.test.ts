import { screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openHostDialog, type HostDialog, type Shape } from '../testing/dialog';
import { loadLoader, settled, type LoaderPage } from '../testing/loader';

const SHAPES: Shape[] = ['0.12.4', '0.6.18'];

let page: LoaderPage;
let host: HostDialog;

const ours = () => screen.queryByRole('tab', { name: 'Organization usage' });
const ourPanel = () => document.getElementById('tab-organization-usage');
const selectedTabs = () => screen.queryAllByRole('tab', { selected: true });

async function openOurs(name = 'Organization usage'): Promise<HTMLElement> {
  const tab = screen.getByRole('tab', { name });
  tab.click();
  await settled();
  return tab;
}

beforeEach(async () => {
  page = await loadLoader();
});

afterEach(() => page.close());

describe.each(SHAPES)('in the settings dialog of %s', (shape) => {
  beforeEach(async () => {
    host = openHostDialog(shape);
    await settled();
  });

  it('stands behind the host’s usage tab and is built like it', () => {
    const tab = screen.getByRole('tab', { name: 'Organization usage' });
    expect(host.tab('usage').nextElementSibling).toBe(tab);
    expect(tab.className).toBe('tab idle');
    expect(tab.querySelector('svg')?.getAttribute('class')).toBe('icon');
    expect(tab.lastElementChild?.className).toBe('label');
    expect(tab.children.length).toBe(host.tab('usage').children.length);
    expect(tab).toHaveAttribute('aria-selected', 'false');
  });

  it('loads everybody’s module once while the dialog stands open, and the admins’ not yet', async () => {
    await waitFor(() => expect(page.imported['organization-usage']).toHaveBeenCalledOnce());
    await openOurs();
    expect(page.imported['organization-usage']).toHaveBeenCalledOnce();
    expect(page.imported.admin).not.toHaveBeenCalled();
  });

  it('takes the place of the host’s panel', async () => {
    const tab = await openOurs();
    expect(host.panel).not.toBeVisible();
    expect(ourPanel()).toBeVisible();
    expect(ourPanel()).toHaveClass('panel');
    expect(ourPanel()?.querySelector('mai-organization-usage')).toBeInTheDocument();
    expect(screen.getByRole('tabpanel', { name: 'Organization usage' })).toBe(ourPanel());
    expect(selectedTabs()).toEqual([tab]);
    expect(tab.className).toBe('tab selected');
    expect(host.tab('general').className).toBe('tab idle');
  });

  it.each(['general', 'about'])('gives the panel back to the host’s tab “%s”', async (name) => {
    await openOurs();
    host.tab(name).click();
    await settled();
    expect(ourPanel()).toBeNull();
    expect(host.panel).toBeVisible();
    expect(host.panel).toHaveTextContent(name);
    expect(selectedTabs()).toEqual([host.tab(name)]);
    expect(host.tab(name).className).toBe('tab selected');
    expect(ours()?.className).toBe('tab idle');
  });

  it('gives way when the host selects another tab by itself', async () => {
    await openOurs();
    host.select('account');
    await settled();
    expect(ourPanel()).toBeNull();
    expect(selectedTabs()).toEqual([host.tab('account')]);
    expect(host.tab('general').className).toBe('tab idle');
  });

  it('stays open, and the only selected tab, while the search draws the tabs anew', async () => {
    await openOurs();
    for (const text of ['usage', 'general', '']) {
      host.type(text);
      await settled();
      expect(ourPanel()).toBeVisible();
    }
    expect(selectedTabs()).toEqual([ours()]);
    host.tab('general').click();
    await settled();
    expect(host.panel).toBeVisible();
    expect(selectedTabs()).toEqual([host.tab('general')]);
  });

  it.each([
    ['usage', true],
    ['Billing', true],
    ['org cost', true],
    ['account', false],
    ['nothing of the kind', false],
  ])('is found by the search “%s”: %s', async (text, found) => {
    host.type(text);
    await settled();
    expect(Boolean(ours())).toBe(found);
  });

  it('corrects “No matches” while it is the only match', async () => {
    host.type('billing');
    await settled();
    expect(ours()).toBeVisible();
    expect(screen.getByText('No matches')).not.toBeVisible();
    host.type('zzz');
    await settled();
    expect(screen.getByText('No matches')).toBeVisible();
  });

  it('opens with Enter when it is the only match, and leaves Enter to the host else', async () => {
    const enter = () => new KeyboardEvent('keydown', { key: 'Enter', bubbles: true });
    host.type('usage');
    await settled();
    host.search.dispatchEvent(enter());
    expect(ourPanel()).toBeNull();
    host.type('billing');
    await settled();
    host.search.dispatchEvent(enter());
    await settled();
    expect(ourPanel()).toBeVisible();
  });

  it('is there again when the dialog is opened again', async () => {
    await openOurs();
    host.close();
    await settled();
    expect(ours()).toBeNull();
    host = openHostDialog(shape);
    await settled();
    expect(screen.getAllByRole('tab', { name: 'Organization usage' })).toHaveLength(1);
    expect(host.panel).toBeVisible();
    await openOurs();
    expect(ourPanel()).toBeVisible();
  });

  it('passes the focus on at the end of our panel', async () => {
    await openOurs();
    const inside = document.createElement('button');
    ourPanel()
      ?.querySelector('mai-organization-usage')
      ?.attachShadow({ mode: 'open' })
      .append(inside);
    const turnstile = ourPanel()?.querySelector('span') as HTMLElement;
    host.tab('about').focus();
    turnstile.focus();
    expect(document.activeElement?.shadowRoot?.activeElement).toBe(inside);
    turnstile.focus();
    expect(screen.getByRole('button', { name: 'Back' })).toHaveFocus();
  });
});

it('stays out of the admin’s list when only that one matches', async () => {
  host = openHostDialog('0.12.4');
  host.type('admin-db');
  await settled();
  expect(ours()).toBeNull();
});

it('does not fight without end with another guest for the same place', async () => {
  host = openHostDialog('0.12.4');
  const rival = document.createElement('button');
  const insist = () => {
    if (host.tab('usage').nextElementSibling !== rival) host.tab('usage').after(rival);
  };
  insist();
  const list = host.tab('usage').parentElement as HTMLElement;
  new MutationObserver(insist).observe(list, { childList: true });
  await settled();
  expect(ours()).toBeInTheDocument();
});

describe('the admins’ tab', () => {
  const adminTab = () => screen.queryByRole('tab', { name: 'Usage & billing' });

  it('stands in the admins’ list, behind the host’s analytics', async () => {
    host = openHostDialog('0.12.4');
    await settled();
    expect(host.tab('admin-analytics').nextElementSibling).toBe(adminTab());
    expect(adminTab()?.parentElement).toHaveAttribute('aria-label', 'Admin');
  });

  it('is not there for a member, whatever is searched', async () => {
    host = openHostDialog('0.12.4', { admin: false });
    for (const text of ['', 'markup', 'usage']) {
      host.type(text);
      await settled();
      expect(adminTab()).toBeNull();
    }
    await openOurs();
    expect(page.imported.admin).not.toHaveBeenCalled();
    expect(page.preloaded.map(({ href }) => href).join()).not.toContain('admin');
  });

  it('loads its module when it is opened, and takes turns with the personal tab', async () => {
    host = openHostDialog('0.12.4');
    await settled();
    await openOurs();
    expect(page.imported.admin).not.toHaveBeenCalled();
    const tab = await openOurs('Usage & billing');
    await waitFor(() => expect(page.imported.admin).toHaveBeenCalledOnce());
    expect(ourPanel()).toBeNull();
    expect(document.querySelector('mai-usage-admin')).toBeVisible();
    expect(selectedTabs()).toEqual([tab]);
    await openOurs();
    expect(document.querySelector('mai-usage-admin')).toBeNull();
    expect(selectedTabs()).toEqual([ours()]);
    host.tab('general').click();
    await settled();
    expect(host.panel).toBeVisible();
    expect(selectedTabs()).toEqual([host.tab('general')]);
  });

  it('stands under a heading of its own where a search leaves no other admin’s tab', async () => {
    host = openHostDialog('0.12.4');
    await settled();
    host.type('reconciliation');
    await settled();
    expect(screen.getAllByRole('tab')).toEqual([adminTab()]);
    const list = screen.getByRole('tablist', { name: 'Admin' });
    expect(list).toContainElement(adminTab());
    expect(list.previousElementSibling).toHaveTextContent('Admin');
    host.type('spending');
    await settled();
    expect(screen.getAllByRole('tab')).toEqual([ours(), adminTab()]);
    expect(screen.getAllByRole('tablist')).toHaveLength(2);
    host.type('');
    await settled();
    expect(screen.getAllByRole('tablist')).toHaveLength(2);
    expect(screen.getAllByText('Admin')).toHaveLength(1);
    expect(host.tab('admin-analytics').nextElementSibling).toBe(adminTab());
  });
});

describe('a front end that was built with our tabs', () => {
  it.each(SHAPES)('keeps the one it has in %s', async (shape) => {
    host = openHostDialog(shape, { builtIn: { organization: 'organization-usage' } });
    await settled();
    expect(ours()).toBeNull();
    host.type('billing');
    await settled();
    expect(ours()).toBeNull();
    expect(page.warn).not.toHaveBeenCalled();
  });
});

it('gives everything back when the dialog closes, and keeps nothing of it', async () => {
  const before = page.observing.size;
  for (let times = 0; times < 5; times += 1) {
    host = openHostDialog('0.12.4');
    await settled();
    const tab = await openOurs();
    const panel = ourPanel();
    const element = panel?.firstElementChild;
    expect(page.observing.size).toBe(before + 1);
    host.close();
    await settled();
    expect(page.observing.size).toBe(before);
    expect(tab.parentNode).toBeNull();
    expect(panel?.parentNode).toBeNull();
    expect(element?.parentNode).toBeNull();
    expect(host.panel.style.display).toBe('');
    host.search.value = 'nothing';
    host.search.dispatchEvent(new Event('input', { bubbles: true }));
    expect(host.container.querySelector('[id^="mai-"]')).toBeNull();
  }
});

it('keeps Escape from the host only while a sheet of ours is open', async () => {
  host = openHostDialog('0.12.4');
  await settled();
  await openOurs();
  const root = ourPanel()?.querySelector('mai-organization-usage')?.attachShadow({ mode: 'open' });
  const sheet = document.createElement('dialog');
  root?.append(sheet);
  const heard = vi.fn();
  window.addEventListener('keydown', heard);
  const escape = () =>
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  sheet.setAttribute('open', '');
  escape();
  expect(heard).not.toHaveBeenCalled();
  sheet.removeAttribute('open');
  escape();
  expect(heard).toHaveBeenCalledOnce();
  window.removeEventListener('keydown', heard);
});

describe('a dialog that is not built as expected', () => {
  const mutations: Record<string, (modal: HTMLElement) => void> = {
    'another id': (modal) => {
      const container = modal.querySelector('#settings-tabs-container');
      if (container) container.id = 'settings-navigation';
    },
    'no roles': (modal) => {
      for (const tab of modal.querySelectorAll('[role="tab"]')) tab.removeAttribute('role');
    },
    'no panel beside the tabs': (modal) => modal.querySelector('.panel')?.remove(),
    'the panel before the tabs': (modal) => modal.prepend(modal.querySelector('.panel') as Element),
  };

  it.each(Object.keys(mutations))('%s: no tab, one line, and a host that works', async (name) => {
    for (let times = 0; times < 2; times += 1) {
      host = openHostDialog('0.12.4', { mutate: mutations[name] });
      await settled();
      expect(document.querySelector('[id^="mai-"]')).toBeNull();
      host.type('usage');
      await settled();
      host.type('');
      await settled();
      host.tab('about').click();
      await settled();
      expect(host.panel).toHaveTextContent('about');
      expect(document.querySelector('[id^="mai-"]')).toBeNull();
      host.close();
      await settled();
    }
    expect(page.warn).toHaveBeenCalledOnce();
  });
});

it('speaks the reader’s language, and English where it lacks a text', async () => {
  localStorage.locale = 'pl-PL';
  host = openHostDialog('0.12.4');
  await settled();
  expect(screen.getByRole('tab', { name: 'Zużycie organizacji' })).toBeVisible();
  expect(screen.getByRole('tab', { name: 'Usage & billing' })).toBeVisible();
  for (const text of ['BUDZET', 'billing']) {
    host.type(text);
    await settled();
    expect(screen.getByRole('tab', { name: 'Zużycie organizacji' })).toBeVisible();
  }
});

it('follows the language while the dialog is open', async () => {
  host = openHostDialog('0.12.4');
  await settled();
  localStorage.locale = 'pl';
  host.tab('about').firstChild?.replaceWith('O programie');
  await settled();
  expect(screen.getByRole('tab', { name: 'Zużycie organizacji' })).toBeVisible();
});
