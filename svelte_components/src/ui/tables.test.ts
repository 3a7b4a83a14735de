import { fireEvent, screen, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { english } from '../testing/locale';
import { renderStory } from '../testing/story';
import { stories } from './stories';

const names = () =>
  screen
    .getAllByRole('row')
    .map((row) => within(row).queryAllByRole('cell')[0]?.textContent.trim())
    .slice(1, -1);
const heading = (name: string) => screen.getByRole('columnheader', { name });

describe('DataTable', () => {
  it('is a table with a name, and formats what it knows', () => {
    renderStory(stories, 'ui/data-table/plain');
    expect(screen.getByRole('table', { name: 'What each organization was billed' })).toBeVisible();
    const row = screen.getByRole('row', { name: /Borealis/ });
    expect(
      within(row)
        .getAllByRole('cell')
        .map((cell) => cell.textContent.trim()),
    ).toEqual(['Borealis', '$9.50', '12', '0.1%', 'Wed, Apr 15, 2026']);
  });

  it('sorts by its headings, amounts from the largest on, and says how', async () => {
    renderStory(stories, 'ui/data-table/plain');
    expect(heading('Billed')).not.toHaveAttribute('aria-sort');
    await fireEvent.click(within(heading('Billed')).getByRole('button'));
    expect(heading('Billed')).toHaveAttribute('aria-sort', 'descending');
    expect(names()).toEqual(['Łódź Software', 'acme', 'Borealis', 'Zażółć']);
    await fireEvent.click(within(heading('Billed')).getByRole('button'));
    expect(heading('Billed')).toHaveAttribute('aria-sort', 'ascending');
    expect(names()).toEqual(['Borealis', 'acme', 'Łódź Software', 'Zażółć']);
    await fireEvent.click(within(heading('Organization')).getByRole('button'));
    expect(heading('Organization')).toHaveAttribute('aria-sort', 'ascending');
    expect(heading('Billed')).not.toHaveAttribute('aria-sort');
    expect(within(heading('Share')).queryByRole('button')).toBeNull();
  });

  it('is sorted by a list where cards have no headings', async () => {
    renderStory(stories, 'ui/data-table/rows-open', { props: { sort: null } });
    await fireEvent.change(screen.getByLabelText('Sort by'), { target: { value: 'name' } });
    expect(heading('Organization')).toHaveAttribute('aria-sort', 'ascending');
  });

  it('shows rows that come sorted as they come', () => {
    renderStory(stories, 'ui/data-table/plain', {
      props: { sort: { column: 'spent', descending: false }, presorted: true },
    });
    expect(names()).toEqual(['Łódź Software', 'acme', 'Zażółć', 'Borealis']);
    expect(heading('Billed')).toHaveAttribute('aria-sort', 'ascending');
  });

  it('shows a total below all rows, and none below some of them', async () => {
    const { rerender } = renderStory(stories, 'ui/data-table/plain');
    expect(screen.getByText('$2,469,143.50')).toBeInTheDocument();
    await rerender({ search: 'acme' });
    expect(screen.queryByText('$2,469,143.50')).toBeNull();
    expect(screen.getByRole('row', { name: /acme/ })).toBeInTheDocument();
  });

  it('tells nothing there from nothing found', () => {
    renderStory(stories, 'ui/data-table/empty');
    expect(screen.getByText('No organization yet')).toBeVisible();
    renderStory(stories, 'ui/data-table/no-match');
    expect(screen.getByText('Nothing matches your search')).toBeVisible();
  });

  it('opens a row by its button and by a click on it, but not by one on its own controls', async () => {
    const onrow = vi.fn();
    renderStory(stories, 'ui/data-table/rows-open', { props: { onrow } });
    await fireEvent.click(screen.getByRole('button', { name: 'acme' }));
    expect(onrow).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ name: 'acme' }));
    await fireEvent.click(screen.getByText('$9.50'));
    expect(onrow).toHaveBeenCalledTimes(2);
    expect(onrow).toHaveBeenLastCalledWith(expect.objectContaining({ name: 'Borealis' }));
  });

  it('does not open a row of which text is being selected', async () => {
    const onrow = vi.fn();
    renderStory(stories, 'ui/data-table/rows-open', { props: { onrow } });
    getSelection()?.selectAllChildren(screen.getByText('$9.50'));
    await fireEvent.click(screen.getByText('$9.50'));
    getSelection()?.removeAllRanges();
    expect(onrow).not.toHaveBeenCalled();
  });

  it('marks the row that is open beside it, and can say more than its first cell does', () => {
    renderStory(stories, 'ui/data-table/rows-open', {
      props: { rowLabel: (row: { name: string }) => `Open ${row.name}` },
    });
    const button = screen.getByRole('button', { name: 'Open acme' });
    expect(button.closest('tr')).toHaveAttribute('aria-current', 'true');
  });

  it('says numbers as its reader does', () => {
    renderStory(stories, 'ui/data-table/plain', { locale: english('pl-PL') });
    expect(screen.getByText('60,5%')).toBeInTheDocument();
  });
});

describe('Pager', () => {
  const button = (name: string) => screen.getByRole('button', { name });

  it('leads on, and back no further than the first page', async () => {
    const onpage = vi.fn();
    const { rerender } = renderStory(stories, 'ui/pager/first', { props: { onpage } });
    expect(screen.getByText('1–50 of 1,234')).toBeVisible();
    await fireEvent.click(button('Previous page'));
    expect(onpage).not.toHaveBeenCalled();
    await fireEvent.click(button('Next page'));
    expect(onpage).toHaveBeenLastCalledWith(50);
    await rerender({ offset: 20 });
    await fireEvent.click(button('Previous page'));
    expect(onpage).toHaveBeenLastCalledWith(0);
  });

  it('ends with the last page', async () => {
    const onpage = vi.fn();
    renderStory(stories, 'ui/pager/last', { props: { onpage } });
    expect(screen.getByText('1,201–1,234 of 1,234')).toBeVisible();
    await fireEvent.click(button('Next page'));
    expect(button('Next page')).toHaveAttribute('aria-disabled', 'true');
    expect(onpage).not.toHaveBeenCalled();
  });

  it('is not there where one page holds all', () => {
    renderStory(stories, 'ui/pager/first', { props: { total: 50 } });
    expect(screen.queryByRole('navigation')).toBeNull();
  });
});
