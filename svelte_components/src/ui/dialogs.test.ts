import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { tick } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { renderStory } from '../testing/story';
import { stories } from './stories';

/** Stands for the host, which closes its own dialog by this key. */
const heard = vi.fn();

beforeEach(() => window.addEventListener('keydown', heard));
afterEach(() => {
  window.removeEventListener('keydown', heard);
  heard.mockClear();
});

const button = (name: string) => screen.getByRole('button', { name });
const escape = (element: Element) => fireEvent.keyDown(element, { key: 'Escape' });

describe('Sheet', () => {
  async function openSheet() {
    renderStory(stories, 'ui/sheet/closed');
    button('Edit Acme').focus();
    await fireEvent.click(button('Edit Acme'));
    return screen.getByRole('dialog', { name: 'Edit Acme' });
  }

  it('takes the focus, and gives it back when Escape closes it alone', async () => {
    const sheet = await openSheet();
    expect(sheet).toHaveAccessibleDescription('Changes hold from the next call on.');
    expect(sheet).toContainElement(document.activeElement as HTMLElement);
    await escape(document.activeElement as Element);
    expect(sheet).not.toBeInTheDocument();
    expect(button('Edit Acme')).toHaveFocus();
    expect(heard).not.toHaveBeenCalled();
  });

  it('closes by Escape also when what had the focus is gone', async () => {
    const sheet = await openSheet();
    await escape(document.body);
    expect(sheet).not.toBeInTheDocument();
    expect(heard).not.toHaveBeenCalled();
    await escape(document.body);
    expect(heard).toHaveBeenCalledOnce();
  });

  it('leaves other keys to the page', async () => {
    const sheet = await openSheet();
    await fireEvent.keyDown(sheet, { key: 'a' });
    expect(heard).toHaveBeenCalledOnce();
  });

  it('closes by its button, by a press beside it and by the way back of a phone', async () => {
    let sheet = await openSheet();
    await fireEvent.click(within(sheet).getByRole('button', { name: 'Close' }));
    expect(sheet).not.toBeInTheDocument();

    await fireEvent.click(button('Edit Acme'));
    sheet = screen.getByRole('dialog');
    await fireEvent.pointerDown(sheet);
    await fireEvent.click(sheet);
    expect(sheet).not.toBeInTheDocument();

    await fireEvent.click(button('Edit Acme'));
    sheet = screen.getByRole('dialog');
    const back = new Event('cancel', { cancelable: true });
    await fireEvent(sheet, back);
    expect(back.defaultPrevented).toBe(true);
    expect(sheet).not.toBeInTheDocument();
  });

  it('stays when a press begins in it and ends beside it', async () => {
    const sheet = await openSheet();
    await fireEvent.pointerDown(within(sheet).getByLabelText('Name'));
    await fireEvent.click(sheet);
    expect(sheet).toBeInTheDocument();
  });

  it('asks before it throws changes away', async () => {
    const sheet = await openSheet();
    await fireEvent.input(within(sheet).getByLabelText('Name'), { target: { value: 'Borealis' } });
    await escape(sheet);
    const question = screen.getByRole('alertdialog', { name: 'Discard the changes?' });
    expect(within(question).getByRole('button', { name: 'Keep editing' })).toHaveFocus();

    await escape(question);
    expect(question).not.toBeInTheDocument();
    expect(within(sheet).getByLabelText('Name')).toHaveValue('Borealis');

    await escape(sheet);
    await fireEvent.click(button('Discard changes'));
    await waitFor(() => expect(sheet).not.toBeInTheDocument());
    expect(heard).not.toHaveBeenCalled();
  });

  it('leaves nothing behind', async () => {
    const removed = vi.spyOn(window, 'removeEventListener');
    const { unmount } = renderStory(stories, 'ui/sheet/form');
    unmount();
    expect(removed.mock.calls.map(([kind]) => kind)).toContain('keydown');
    await escape(document.body);
    expect(heard).toHaveBeenCalledOnce();
  });
});

describe('Confirm', () => {
  it('begins at the way out', () => {
    renderStory(stories, 'ui/confirm/plain');
    expect(screen.getByRole('alertdialog', { name: 'Close the month?' })).toBeVisible();
    expect(button('Cancel')).toHaveFocus();
  });

  it('closes when it is done and stays when it is not', async () => {
    const onconfirm = vi.fn().mockResolvedValueOnce(false).mockResolvedValueOnce(true);
    renderStory(stories, 'ui/confirm/plain', { props: { onconfirm } });
    await fireEvent.click(button('Close the month'));
    expect(await screen.findByRole('alertdialog')).toBeVisible();
    await waitFor(() => expect(button('Close the month')).not.toHaveAttribute('aria-busy'));
    await fireEvent.click(button('Close the month'));
    await waitFor(() => expect(screen.queryByRole('alertdialog')).toBeNull());
  });

  it('does it once, however often it is pressed, and cannot be left meanwhile', async () => {
    const onconfirm = vi.fn(() => new Promise<boolean>(() => {}));
    renderStory(stories, 'ui/confirm/plain', { props: { onconfirm } });
    await fireEvent.click(button('Close the month'));
    await fireEvent.click(button('Close the month'));
    await escape(screen.getByRole('alertdialog'));
    expect(onconfirm).toHaveBeenCalledOnce();
    expect(screen.getByRole('alertdialog')).toBeVisible();
  });

  it('waits for the text that has to be typed', async () => {
    const onconfirm = vi.fn().mockResolvedValue(true);
    renderStory(stories, 'ui/confirm/typed', { props: { onconfirm } });
    const field = screen.getByLabelText('Type “acme” to confirm');
    expect(field).toHaveFocus();
    expect(button('Delete')).toBeDisabled();
    await fireEvent.input(field, { target: { value: 'acm' } });
    expect(button('Delete')).toBeDisabled();
    await fireEvent.input(field, { target: { value: 'acme ' } });
    await fireEvent.click(button('Delete'));
    expect(onconfirm).toHaveBeenCalledOnce();
  });
});

describe('Toasts', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  const texts = () => screen.getAllByText(/\w+\.$/).map((each) => each.textContent);

  it('says each in one live region, a failure until it is dismissed', async () => {
    renderStory(stories, 'ui/toasts/all');
    await tick();
    const region = screen.getByRole('log', { name: 'Messages' });
    expect(region).toHaveAttribute('aria-live', 'polite');
    expect(within(region).getByText('The limit was changed.')).toBeVisible();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(texts()).toEqual(['It could not be saved.']);
    await fireEvent.click(within(region).getByRole('button', { name: 'Dismiss' }));
    expect(within(region).queryByText('It could not be saved.')).toBeNull();
  });

  it('undoes', async () => {
    renderStory(stories, 'ui/toasts/all');
    await tick();
    await fireEvent.click(button('Undo'));
    expect(screen.getByText('It is there again.')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Undo' })).toBeNull();
  });

  it('stands still while a pointer or the focus rests on it', async () => {
    renderStory(stories, 'ui/toasts/all');
    await tick();
    const undo = button('Undo');
    await fireEvent.focusIn(undo);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(undo).toBeInTheDocument();
    await fireEvent.pointerEnter(undo.parentElement as Element);
    await fireEvent.focusOut(undo);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(undo).toBeInTheDocument();
    await fireEvent.pointerLeave(undo.parentElement as Element);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(undo).not.toBeInTheDocument();
  });

  it('covers the page with a few at most', async () => {
    renderStory(stories, 'ui/toasts/all');
    await tick();
    await fireEvent.click(button('Tell'));
    expect(screen.getAllByRole('button', { name: 'Dismiss' })).toHaveLength(3);
  });

  it('leaves no timer behind', async () => {
    const { unmount } = renderStory(stories, 'ui/toasts/all');
    await tick();
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    unmount();
    expect(vi.getTimerCount()).toBe(0);
  });
});
