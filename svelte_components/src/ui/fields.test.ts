import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { localeContext } from '../locale/context';
import { english } from '../testing/locale';
import { renderStory } from '../testing/story';
import RangePicker from './RangePicker.svelte';
import { stories } from './stories';

const input = (element: Element, value: string) => fireEvent.input(element, { target: { value } });

describe('TextField', () => {
  it('is described by its hint and by what is wrong', () => {
    renderStory(stories, 'ui/text-field/error');
    const field = screen.getByRole('textbox', { name: 'Name' });
    expect(field).toBeInvalid();
    expect(field).toHaveAccessibleDescription(/^At most 120 characters\. “<img.*is taken already/);
  });

  it('hands on the attributes of an input and keeps what stands beside it out of the value', () => {
    renderStory(stories, 'ui/text-field/affixes');
    const field = screen.getByRole('textbox', { name: 'Monthly limit' });
    expect(field).toHaveAttribute('inputmode', 'decimal');
    expect(field).toHaveValue('1250.00');
  });

  it('says that it is required', () => {
    renderStory(stories, 'ui/text-field/empty');
    expect(screen.getByRole('textbox', { name: 'Name (required)' })).toBeRequired();
  });

  it('takes a few lines', () => {
    renderStory(stories, 'ui/text-field/multiline');
    expect(screen.getByRole('textbox', { name: 'Note' }).tagName).toBe('TEXTAREA');
  });
});

it('SelectField offers its options', async () => {
  const onchange = vi.fn();
  renderStory(stories, 'ui/select-field/plain', { props: { onchange } });
  const field = screen.getByRole('combobox', { name: 'Currency' });
  expect(field).toHaveDisplayValue('PLN');
  await fireEvent.change(field, { target: { value: 'EUR' } });
  expect(field).toHaveDisplayValue('EUR');
  expect(onchange).toHaveBeenCalledOnce();
});

it('SwitchField is a switch', async () => {
  renderStory(stories, 'ui/switch-field/on');
  const field = screen.getByRole('switch', { name: 'Active' });
  expect(field).toBeChecked();
  expect(field).toHaveAccessibleDescription('Members can make calls.');
  await fireEvent.click(screen.getByText('Active'));
  expect(field).not.toBeChecked();
});

it('CheckField is checked by its label', async () => {
  renderStory(stories, 'ui/check-field/plain');
  await fireEvent.click(screen.getByText('With the tasks behind the chat'));
  expect(screen.getByRole('checkbox')).toBeChecked();
});

describe('ChoiceField', () => {
  it('says what each choice means', async () => {
    const onchange = vi.fn();
    renderStory(stories, 'ui/choice-field/plain', { props: { onchange } });
    const group = screen.getByRole('radiogroup', { name: 'At the limit' });
    const choice = within(group).getByRole('radio', { name: 'Only tell' });
    expect(choice).toHaveAccessibleDescription('Calls go on, and managers are told.');
    await fireEvent.click(choice);
    expect(choice).toBeChecked();
    expect(onchange).toHaveBeenCalledExactlyOnceWith('warn');
  });

  it('says what is wrong', () => {
    renderStory(stories, 'ui/choice-field/error');
    expect(screen.getByRole('radiogroup')).toHaveAccessibleDescription(/Choose one\./);
    expect(screen.getByRole('radiogroup')).toBeInvalid();
  });
});

it('DateField is bound by its first and last day', () => {
  renderStory(stories, 'ui/date-field/plain');
  const field = screen.getByLabelText('Valid from');
  expect(field).toHaveValue('2026-11-24');
  expect(field).toHaveAttribute('min', '2026-01-01');
});

describe('SearchField', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  const field = () => screen.getByRole('searchbox', { name: 'Find an organization' });

  function renderSearch(id = 'ui/search-field/empty') {
    const oninput = vi.fn();
    return { ...renderStory(stories, id, { props: { oninput } }), oninput };
  }

  it('waits until the typing pauses', async () => {
    const { oninput } = renderSearch();
    await input(field(), 'ac');
    await vi.advanceTimersByTimeAsync(150);
    await input(field(), 'acme');
    await vi.advanceTimersByTimeAsync(150);
    expect(oninput).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(50);
    expect(oninput).toHaveBeenCalledExactlyOnceWith('acme');
  });

  it('does not wait after Enter, and does not tell the same twice', async () => {
    const { oninput } = renderSearch();
    await input(field(), 'acme');
    await fireEvent.keyDown(field(), { key: 'Enter' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(oninput).toHaveBeenCalledExactlyOnceWith('acme');
  });

  it('is emptied by its button and by Escape, of which only the next one goes on', async () => {
    const { oninput } = renderSearch('ui/search-field/full');
    const heard = vi.fn();
    window.addEventListener('keydown', heard);
    await fireEvent.keyDown(field(), { key: 'Escape' });
    expect(field()).toHaveValue('');
    expect(oninput).toHaveBeenCalledExactlyOnceWith('');
    expect(heard).not.toHaveBeenCalled();
    await fireEvent.keyDown(field(), { key: 'Escape' });
    expect(heard).toHaveBeenCalledOnce();
    window.removeEventListener('keydown', heard);

    await input(field(), 'x');
    await fireEvent.click(screen.getByRole('button', { name: 'Clear the search' }));
    expect(field()).toHaveValue('');
    expect(field()).toHaveFocus();
  });

  it('leaves no timer behind', async () => {
    const { unmount, oninput } = renderSearch();
    await input(field(), 'acme');
    unmount();
    expect(vi.getTimerCount()).toBe(0);
    expect(oninput).not.toHaveBeenCalled();
  });
});

describe('RangePicker', () => {
  const preset = () => screen.getByRole('combobox', { name: 'Period' });

  function renderPicker(id: string) {
    const onchange = vi.fn();
    renderStory(stories, id, { props: { onchange } });
    return onchange;
  }

  it('tells the days of a preset, counted from the organization’s day', async () => {
    const onchange = renderPicker('ui/range-picker/preset');
    expect(preset()).toHaveDisplayValue('Last 30 days');
    await fireEvent.change(preset(), { target: { value: 'last-month' } });
    expect(onchange).toHaveBeenCalledExactlyOnceWith({
      preset: 'last-month',
      from: '2026-10-01',
      to: '2026-10-31',
    });
  });

  it('begins with the days that were shown when others are to be picked', async () => {
    const onchange = renderPicker('ui/range-picker/preset');
    await fireEvent.change(preset(), { target: { value: 'custom' } });
    expect(screen.getByLabelText('From')).toHaveValue('2026-10-26');
    await input(screen.getByLabelText('From'), '2026-11-01');
    expect(onchange).toHaveBeenLastCalledWith({
      preset: 'custom',
      from: '2026-11-01',
      to: '2026-11-24',
    });
  });

  it.each([
    ['2026-11-11', 'The period ends before it begins.'],
    ['2020-01-01', 'The period may be at most 366 days long.'],
  ])('does not tell days that make no sense: from %s', async (from, said) => {
    const onchange = renderPicker('ui/range-picker/custom');
    await input(screen.getByLabelText('From'), from);
    expect(screen.getByLabelText('From')).toHaveAccessibleDescription(said);
    expect(onchange).not.toHaveBeenCalled();
  });

  it('takes both days once they make sense together', async () => {
    const onchange = renderPicker('ui/range-picker/custom');
    await input(screen.getByLabelText('From'), '2026-11-12');
    await input(screen.getByLabelText('To'), '2026-11-20');
    expect(onchange).toHaveBeenCalledExactlyOnceWith({
      preset: 'custom',
      from: '2026-11-12',
      to: '2026-11-20',
    });
    expect(screen.getByLabelText('From')).toBeValid();
  });

  it('waits while a day is only half written', async () => {
    const onchange = renderPicker('ui/range-picker/custom');
    await input(screen.getByLabelText('To'), '');
    expect(onchange).not.toHaveBeenCalled();
    expect(screen.getByLabelText('From')).toBeValid();
  });

  it('offers only some where there is no more to see', () => {
    const range = { preset: '7d', from: '2026-11-18', to: '2026-11-24' };
    render(RangePicker, {
      props: { value: range, today: '2026-11-24', options: ['7d', '30d'] } as never,
      context: localeContext(english()),
    });
    expect(screen.getAllByRole('option').map((each) => each.textContent)).toEqual([
      'Last 7 days',
      'Last 30 days',
    ]);
  });
});
