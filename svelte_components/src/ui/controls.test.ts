import { fireEvent, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { english } from '../testing/locale';
import { renderStory } from '../testing/story';
import { stories } from './stories';

const heard = vi.fn();

beforeEach(() => window.addEventListener('keydown', heard));
afterEach(() => {
  window.removeEventListener('keydown', heard);
  heard.mockClear();
});

describe('Button', () => {
  it('does what it is pressed for', async () => {
    const onclick = vi.fn();
    renderStory(stories, 'ui/button/plain', { props: { onclick } });
    await fireEvent.click(screen.getByRole('button', { name: 'New organization' }));
    expect(onclick).toHaveBeenCalledOnce();
  });

  it('keeps the focus while it is busy, and neither acts nor sends a form', async () => {
    const onclick = vi.fn();
    renderStory(stories, 'ui/button/busy', { props: { onclick, type: 'submit' } });
    const button = screen.getByRole('button', { name: 'Saving…' });
    button.focus();
    expect(button).toHaveFocus();
    expect(button).toHaveAttribute('aria-disabled', 'true');
    expect(await fireEvent.click(button)).toBe(false);
    expect(onclick).not.toHaveBeenCalled();
  });
});

it('IconButton says its name and whether it is on', () => {
  renderStory(stories, 'ui/icon-button/pressed');
  expect(screen.getByRole('button', { name: 'Filter', pressed: true })).toBeVisible();
});

describe('Tabs', () => {
  const tab = (name: RegExp) => screen.getByRole('tab', { name });

  it('is one stop, and arrows go round', async () => {
    renderStory(stories, 'ui/tabs/plain');
    expect(tab(/Members/)).toHaveAttribute('aria-selected', 'true');
    expect(screen.getAllByRole('tab').map((each) => each.tabIndex)).toEqual([-1, 0, -1, -1]);
    await fireEvent.keyDown(tab(/Members/), { key: 'ArrowRight' });
    expect(tab(/Prices/)).toHaveFocus();
    await fireEvent.keyDown(tab(/Prices/), { key: 'End' });
    await fireEvent.keyDown(tab(/Keys/), { key: 'ArrowRight' });
    expect(tab(/Overview/)).toHaveFocus();
    expect(screen.getAllByRole('tab', { selected: true })).toEqual([tab(/Overview/)]);
  });

  it('goes the other way where text does', async () => {
    renderStory(stories, 'ui/tabs/plain', { locale: english('ar') });
    await fireEvent.keyDown(tab(/Members/), { key: 'ArrowLeft' });
    expect(tab(/Prices/)).toHaveFocus();
  });

  it('says how many there are, and shows the first where none is selected', () => {
    renderStory(stories, 'ui/tabs/plain', { props: { selected: 'gone' } });
    expect(tab(/Members 1,204/)).toBeVisible();
    expect(tab(/Overview/)).toHaveAttribute('aria-selected', 'true');
  });

  it('shows the panel of the selected one alone', async () => {
    renderStory(stories, 'ui/tabs/with-panels');
    expect(screen.getByRole('tabpanel', { name: /Members/ })).toHaveTextContent('Who belongs');
    await fireEvent.click(tab(/Overview/));
    expect(screen.getByRole('tabpanel', { name: 'Overview' })).toHaveTextContent('What it spent');
    expect(screen.getAllByRole('tabpanel')).toHaveLength(1);
  });
});

it('Segmented is a group of radio buttons', async () => {
  const onchange = vi.fn();
  renderStory(stories, 'ui/segmented/plain', { props: { onchange } });
  expect(screen.getByRole('radiogroup', { name: 'Measure' })).toBeVisible();
  expect(screen.getByRole('radio', { name: 'Cost' })).toBeChecked();
  await fireEvent.click(screen.getByRole('radio', { name: 'Tokens' }));
  expect(screen.getByRole('radio', { name: 'Tokens' })).toBeChecked();
  expect(onchange).toHaveBeenCalledExactlyOnceWith('tokens');
});

describe('Menu', () => {
  const opener = () => screen.getByRole('button', { name: 'What to do with Acme' });
  const item = (name: RegExp) => screen.getByRole('menuitem', { name });
  const key = (name: string) => fireEvent.keyDown(document.activeElement as Element, { key: name });

  async function openMenu(run = vi.fn()) {
    const items = ['Edit…', 'Export as CSV', 'Pause', 'Delete…'].map((label) => ({
      id: label,
      label,
      disabled: label === 'Pause',
      run,
    }));
    const view = renderStory(stories, 'ui/menu/plain', { props: { items } });
    await fireEvent.click(opener());
    await waitFor(() => expect(item(/Edit/)).toHaveFocus());
    return { ...view, run };
  }

  it('goes through its entries by arrows, by Home and End and by first letters', async () => {
    await openMenu();
    expect(opener()).toHaveAttribute('aria-expanded', 'true');
    await key('ArrowUp');
    expect(item(/Delete/)).toHaveFocus();
    await key('ArrowDown');
    await key('e');
    expect(item(/Export/)).toHaveFocus();
    await key('p');
    expect(item(/Pause/)).toHaveFocus();
    await key('Home');
    expect(item(/Edit/)).toHaveFocus();
  });

  it('closes by Escape alone and gives the focus back', async () => {
    await openMenu();
    heard.mockClear();
    await key('Escape');
    expect(screen.queryByRole('menu')).toBeNull();
    expect(opener()).toHaveFocus();
    expect(heard).not.toHaveBeenCalled();
  });

  it('does one thing and closes; what is not possible does nothing', async () => {
    const { run } = await openMenu();
    await fireEvent.click(item(/Pause/));
    expect(run).not.toHaveBeenCalled();
    await fireEvent.click(item(/Export/));
    expect(run).toHaveBeenCalledOnce();
    expect(screen.queryByRole('menu')).toBeNull();
  });

  it.each(['pointerdown', 'scroll', 'resize'])('closes at a %s beside it', async (kind) => {
    await openMenu();
    await fireEvent(window, new Event(kind));
    expect(screen.queryByRole('menu')).toBeNull();
  });

  it('opens at its last entry by the arrow up', async () => {
    renderStory(stories, 'ui/menu/plain');
    opener().focus();
    await key('ArrowUp');
    await waitFor(() => expect(item(/Delete/)).toHaveFocus());
  });

  it('leaves no listener behind', async () => {
    const added = vi.spyOn(window, 'addEventListener');
    const removed = vi.spyOn(window, 'removeEventListener');
    const { unmount } = await openMenu();
    unmount();
    const times = (calls: unknown[][], kind: string) =>
      calls.filter((call) => call[0] === kind).length;
    for (const kind of ['pointerdown', 'scroll', 'resize']) {
      expect(times(added.mock.calls, kind)).toBe(1);
      expect(times(removed.mock.calls, kind)).toBe(1);
    }
  });
});

describe('Tooltip', () => {
  const button = () => screen.getByRole('button', { name: 'About raw cost' });

  it('describes its control, and shows while the focus or a pointer rests on it', async () => {
    renderStory(stories, 'ui/tooltip/plain');
    expect(button()).toHaveAccessibleDescription(/before the markup/);
    expect(screen.queryByRole('tooltip')).toBeNull();
    await fireEvent.focusIn(button());
    expect(screen.getByRole('tooltip')).toHaveTextContent('before the markup');
    await fireEvent.focusOut(button());
    expect(screen.queryByRole('tooltip')).toBeNull();
  });

  it('goes by Escape, which then goes no further', async () => {
    renderStory(stories, 'ui/tooltip/plain');
    await fireEvent.focusIn(button());
    await fireEvent.keyDown(button(), { key: 'Escape' });
    expect(screen.queryByRole('tooltip')).toBeNull();
    expect(heard).not.toHaveBeenCalled();
    await fireEvent.keyDown(button(), { key: 'Escape' });
    expect(heard).toHaveBeenCalledOnce();
  });
});

describe('CopyButton', () => {
  const button = () => screen.getByRole('button', { name: 'Copy the secret' });
  const clipboard = (writeText: () => Promise<void>) =>
    vi.stubGlobal('navigator', { clipboard: { writeText } });

  it('says that it copied, for a while', async () => {
    vi.useFakeTimers();
    const write = vi.fn().mockResolvedValue(undefined);
    clipboard(write);
    const { unmount } = renderStory(stories, 'ui/copy-button/plain');
    await fireEvent.click(button());
    await vi.advanceTimersByTimeAsync(0);
    expect(write).toHaveBeenCalledExactlyOnceWith('whsec_1234');
    expect(screen.getByRole('status')).toHaveTextContent('Copied');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(screen.getByRole('status')).toHaveTextContent(/^$/);
    await fireEvent.click(button());
    await vi.advanceTimersByTimeAsync(0);
    unmount();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('copies by selection where the page has no clipboard, and gives the focus back', async () => {
    vi.stubGlobal('navigator', {});
    const copied = vi.fn(() => true);
    document.execCommand = copied;
    renderStory(stories, 'ui/copy-button/plain');
    await fireEvent.click(button());
    await waitFor(() => expect(screen.getByRole('status')).toHaveTextContent('Copied'));
    expect(copied).toHaveBeenCalledExactlyOnceWith('copy');
    expect(button()).toHaveFocus();
    expect(document.querySelector('textarea')).toBeNull();
  });

  it('says that it could not', async () => {
    clipboard(() => Promise.reject(new Error('denied')));
    document.execCommand = () => false;
    renderStory(stories, 'ui/copy-button/plain');
    await fireEvent.click(button());
    await waitFor(() =>
      expect(screen.getByRole('status')).toHaveTextContent('Could not be copied'),
    );
  });
});
