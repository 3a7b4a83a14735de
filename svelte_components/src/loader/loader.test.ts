import { screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openHostDialog, type HostDialog, type Shape } from '../testing/dialog';

const SHAPES: Shape[] = ['0.12.4', '0.6.18'];

const imported = vi.fn();
const warn = vi.fn();
let host: HostDialog;

/** A page loads the loader once; here every test does, and ends its observers afterwards. */
const observers = new Set<MutationObserver>();
class TrackedObserver extends MutationObserver {
  constructor(callback: MutationCallback) {
    super(callback);
    observers.add(this);
  }
}

/** Observers report in a microtask; this lets them, and what they cause. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

const ours = () => screen.queryByRole('tab', { name: 'Organization usage' });
const ourPanel = () => document.getElementById('tab-organization-usage');
const selectedTabs = () => screen.queryAllByRole('tab', { selected: true });

async function openOurs(): Promise<HTMLElement> {
  const tab = screen.getByRole('tab', { name: 'Organization usage' });
  tab.click();
  await settled();
  return tab;
}

beforeEach(async () => {
  vi.resetModules();
  imported.mockReset();
  vi.doMock('__MAI_USAGE_MODULE__', () => {
    imported();
    return {};
  });
  vi.stubGlobal('MutationObserver', TrackedObserver);
  vi.spyOn(console, 'warn').mockImplementation(warn.mockClear());
  Element.prototype.scrollIntoView = vi.fn();
  localStorage.token = 'secret';
  await import('./loader.js');
});

afterEach(async () => {
  document.body.replaceChildren();
  await settled();
  for (const observer of observers) observer.disconnect();
  observers.clear();
  Reflect.deleteProperty(window, '__maiUsageLoader');
  localStorage.clear();
});

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

  it('loads the module only when it is opened', async () => {
    expect(imported).not.toHaveBeenCalled();
    await openOurs();
    await waitFor(() => expect(imported).toHaveBeenCalledOnce());
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
  host.type('admin');
  await settled();
  expect(ours()).toBeNull();
});

it('is absent for visitors who are not signed in', async () => {
  localStorage.clear();
  openHostDialog('0.12.4');
  await settled();
  expect(ours()).toBeNull();
});

it('is absent, without a word, in a dialog without tabs', async () => {
  document.body.innerHTML = '<div role="dialog"><nav id="settings-tabs-container"></nav></div>';
  await settled();
  expect(ours()).toBeNull();
  expect(warn).not.toHaveBeenCalled();
});

it('complains once and leaves the host alone when there is no panel beside the tabs', async () => {
  host = openHostDialog('0.12.4');
  host.panel.remove();
  await settled();
  await openOurs();
  await openOurs();
  expect(warn).toHaveBeenCalledOnce();
  expect(selectedTabs()).toEqual([host.tab('general')]);
});

it('says so in its panel when the module cannot be loaded', async () => {
  imported.mockImplementation(() => {
    throw new Error('404');
  });
  host = openHostDialog('0.12.4');
  await settled();
  await openOurs();
  await waitFor(() => expect(ourPanel()).toHaveTextContent(/could not be loaded/));
  expect(warn).toHaveBeenCalledOnce();
  host.tab('general').click();
  expect(host.panel).toBeVisible();
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

it('does nothing the second time it is loaded into a page', async () => {
  vi.resetModules();
  await import('./loader.js');
  openHostDialog('0.12.4');
  await settled();
  expect(screen.getAllByRole('tab', { name: 'Organization usage' })).toHaveLength(1);
});
