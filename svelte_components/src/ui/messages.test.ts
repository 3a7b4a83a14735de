import { fireEvent, screen } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { localeOf } from '../locale/locale';
import english from '../locale/en/ui.json';
import polish from '../locale/pl/ui.json';
import { renderStory } from '../testing/story';
import { FAILURE_KINDS } from './failures';
import { stories } from './stories';

describe('Failure', () => {
  it.each(FAILURE_KINDS)('says in both languages what %s means', (kind) => {
    const { container, unmount } = renderStory(stories, `ui/failure/${kind}`);
    const said = container.textContent;
    unmount();
    const locale = localeOf('pl-PL', english, polish);
    const inPolish = renderStory(stories, `ui/failure/${kind}`, { locale }).container.textContent;
    expect(said).not.toMatch(/ui\.|\{/);
    expect(inPolish).not.toMatch(/ui\.|\{/);
    expect(inPolish).not.toBe(said);
  });

  it('offers to try again', async () => {
    const onretry = vi.fn();
    renderStory(stories, 'ui/failure/unreachable', { props: { onretry } });
    await fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(onretry).toHaveBeenCalledOnce();
  });

  it('offers to sign in, and to load a newer version', async () => {
    const onsignin = vi.fn();
    const { unmount } = renderStory(stories, 'ui/failure/signed-out', { props: { onsignin } });
    await fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(onsignin).toHaveBeenCalledOnce();
    unmount();
    renderStory(stories, 'ui/failure/changed');
    expect(screen.getByRole('button', { name: 'Load again' })).toBeVisible();
  });

  it.each(['forbidden', 'invalid'])('offers nothing that would not help: %s', (kind) => {
    renderStory(stories, `ui/failure/${kind}`);
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('offers nothing that nobody would do', () => {
    renderStory(stories, 'ui/failure/server', { props: { onretry: undefined } });
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('says the server’s own reason where that helps', () => {
    renderStory(stories, 'ui/failure/unavailable');
    expect(screen.getByText('the database is locked')).toBeVisible();
    renderStory(stories, 'ui/failure/unreachable');
    expect(screen.getAllByText('the database is locked')).toHaveLength(1);
  });

  it('says how long to wait, and what is wrong with which field', () => {
    renderStory(stories, 'ui/failure/later');
    expect(screen.getByText(/Wait before the next try \(30/)).toBeVisible();
    renderStory(stories, 'ui/failure/fields');
    expect(screen.getByRole('alert')).toHaveTextContent('monthly_limit: must not be negative');
  });
});

describe('Gauge', () => {
  const meter = () => screen.getByRole('meter');

  it('says how much of the limit is used and what is expected', () => {
    renderStory(stories, 'ui/gauge/near');
    expect(meter()).toHaveAccessibleName('Monthly limit');
    expect(meter()).toHaveAttribute('aria-valuenow', '87');
    expect(meter()).toHaveAttribute(
      'aria-valuetext',
      '$874.50 of $1,000.00 (87.5%). Expected by the end: $1,240.00',
    );
  });

  it('is full where more than the limit is used, and still says the truth', () => {
    renderStory(stories, 'ui/gauge/past');
    expect(meter()).toHaveAttribute('aria-valuenow', '100');
    expect(meter()).toHaveAttribute('aria-valuetext', '$1,310.00 of $1,000.00 (131%)');
  });

  it('says that there is no limit', () => {
    renderStory(stories, 'ui/gauge/no-limit');
    expect(meter()).toHaveAttribute('aria-valuetext', '$12.00, no limit');
  });
});

it.each([
  ['up', 'Up by 12.5%'],
  ['down', 'Down by 3.1%'],
  ['same', 'Unchanged'],
])('Delta says %s in words', (state, said) => {
  renderStory(stories, `ui/delta/${state}`);
  expect(screen.getByText(said)).toBeInTheDocument();
});

it('Delta says nothing where there is nothing to compare with', () => {
  const { container } = renderStory(stories, 'ui/delta/up', { props: { percent: null } });
  expect(container).toHaveTextContent(/^$/);
});

it('Money shows what can be read and keeps all digits at hand', () => {
  renderStory(stories, 'ui/money/small');
  expect(screen.getByText('$0.00000042')).toHaveAttribute('title', '0.000000420001 USD');
});

it('Steps say how far they have come', () => {
  renderStory(stories, 'ui/steps/under-way');
  expect(screen.getByText('Key').closest('li')).toHaveTextContent('(done)');
  expect(screen.getByText('Members').closest('li')).toHaveAttribute('aria-current', 'step');
});

it.each([
  ['bad', 'alert'],
  ['warning', 'status'],
])('a %s notice is read out as %s', async (tone, role) => {
  const run = vi.fn();
  renderStory(stories, `ui/notice/${tone}`, { props: { action: { label: 'Do it', run } } });
  expect(screen.getByRole(role)).toHaveTextContent('The figures are ten minutes old');
  await fireEvent.click(screen.getByRole('button', { name: 'Do it' }));
  expect(run).toHaveBeenCalledOnce();
});

it('a skeleton says what is being loaded', () => {
  renderStory(stories, 'ui/skeleton/cards');
  expect(screen.getByRole('status')).toHaveTextContent('Usage is being loaded');
});
