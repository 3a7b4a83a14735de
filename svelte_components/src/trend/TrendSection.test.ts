import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it } from 'vitest';
import { english } from '../testing/locale';
import { sampleUsage } from '../testing/usage';
import TrendSection from './TrendSection.svelte';

const { history } = sampleUsage();

describe('TrendSection', () => {
  beforeEach(() => {
    render(TrendSection, { props: { history, locale: english() } });
  });

  const chart = () => screen.getByRole('slider');

  it('says its range', () => {
    expect(screen.getByText('Oct 26 – Nov 24')).toBeVisible();
  });

  it('goes through the days with the keyboard, and stops at both ends', async () => {
    expect(chart()).toHaveAttribute('aria-valuetext', 'Tue, Nov 24, 2026: $0.04');
    await fireEvent.keyDown(chart(), { key: 'ArrowLeft' });
    expect(chart()).toHaveAttribute('aria-valuetext', 'Mon, Nov 23, 2026: $0.04');
    await fireEvent.keyDown(chart(), { key: 'End' });
    await fireEvent.keyDown(chart(), { key: 'ArrowRight' });
    expect(chart()).toHaveAttribute('aria-valuenow', '30');
    await fireEvent.keyDown(chart(), { key: 'Home' });
    await fireEvent.keyDown(chart(), { key: 'PageDown' });
    expect(chart()).toHaveAttribute('aria-valuetext', 'Mon, Oct 26, 2026: $0.01');
  });

  it('leaves other keys to the dialog', async () => {
    expect(await fireEvent.keyDown(chart(), { key: 'Escape' })).toBe(true);
    expect(await fireEvent.keyDown(chart(), { key: 'ArrowLeft' })).toBe(false);
  });

  it('shows all values of the day that has the focus, and hides them afterwards', async () => {
    await fireEvent.focus(chart());
    expect(chart()).toHaveTextContent(/Tue, Nov 24, 2026 \$0\.04 3,000 tokens · 30 requests/);
    await fireEvent.blur(chart());
    expect(chart()).toHaveTextContent('');
  });

  it('switches what it shows', async () => {
    const tokens = screen.getByRole('button', { name: 'Tokens' });
    await fireEvent.click(tokens);
    expect(tokens).toHaveAttribute('aria-pressed', 'true');
    expect(screen.getByRole('button', { name: 'Cost' })).toHaveAttribute('aria-pressed', 'false');
    expect(chart()).toHaveAccessibleName('Tokens by day');
    expect(chart()).toHaveAttribute('aria-valuetext', 'Tue, Nov 24, 2026: 3,000 tokens');
  });

  it('has every day as a table, the newest first', async () => {
    await fireEvent.click(screen.getByText('Show as table'));
    const rows = within(screen.getByRole('table', { name: /newest first/ })).getAllByRole('row');
    expect(rows).toHaveLength(31);
    const cells = rows.map((row) => [...row.children].map((cell) => cell.textContent));
    expect(cells[0]).toEqual(['Day', 'Requests', 'Tokens', 'Cost']);
    expect(cells[1]).toEqual(['Nov 24', '30', '3,000', '$0.04']);
    expect(cells[3]).toEqual(['Nov 22', '0', '0', '$0.00']);
  });
});

it('marks the days that were imported', async () => {
  const days = history.map((day, index) => ({ ...day, isImported: index === 28 }));
  render(TrendSection, { props: { history: days, locale: english() } });
  await fireEvent.click(screen.getByText('Show as table'));
  expect(screen.getByRole('rowheader', { name: 'Nov 23 imported' })).toBeVisible();
  expect(screen.getAllByText('imported')).toHaveLength(1);
});

it('draws nothing for no days', () => {
  render(TrendSection, { props: { history: [], locale: english() } });
  expect(screen.queryByRole('slider')).toBeNull();
});
