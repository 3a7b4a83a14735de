import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { english } from '../testing/locale';
import { renderStory } from '../testing/story';
import { stories } from './stories';

/** The tabs are a part of their own, and a busy machine takes its time. */
const PATIENT = { timeout: 10_000 };

const show = (name: string, more: Record<string, unknown> = {}) =>
  renderStory(stories, `usage/panel/${name}`, { props: more });
const region = () => screen.getByRole('region', { name: 'Organization usage' });
const tabs = () => screen.findAllByRole('tab', {}, PATIENT);

function card(name: string): string {
  const value = screen.getByText(name).closest('.card')?.textContent ?? '';
  return value.replace(/\s+/g, ' ').trim();
}

describe('at a glance', () => {
  it('shows today, the month and what is left of the limit', () => {
    show('manager');
    expect(region()).toHaveAttribute('aria-busy', 'false');
    expect(card('Today’s tokens')).toMatch(/Live 7,072 5,050 in ?2,022 out/);
    expect(card('Today’s cost')).toBe('Today’s cost Live $0.000123 4 requests');
    expect(card('Month total')).toMatch(/\$1,234\.57 12 days active ?400 requests/);
    expect(card('Limit left')).toBe('Limit left $765.42 of $2,000.00 this month');
    const gauge = screen.getByRole('meter', { name: 'Monthly limit' });
    expect(gauge).toHaveAttribute('aria-valuetext', expect.stringContaining('$1,610.25'));
    expect(screen.getByText(/1 call is awaiting its final cost/)).toBeVisible();
    expect(screen.getByText(/Starts anew on Dec 1/)).toBeVisible();
  });

  it('has an average and a forecast where there is no limit', () => {
    show('unlimited');
    expect(card('Daily average')).toMatch(/\$0\.10/);
    expect(screen.queryByRole('meter')).toBeNull();
    expect(screen.getByText(/most likely between \$1,500\.00 and \$1,790\.00/)).toBeVisible();
  });

  it('puts the reader’s own limit before the organization’s', () => {
    renderStory(stories, 'usage/cards/own-limit');
    expect(card('Your limit left')).toMatch(/\$12\.34 of \$50\.00/);
  });

  it('holds the place while the first answer is on its way', () => {
    show('loading');
    expect(region()).toHaveAttribute('aria-busy', 'true');
    expect(screen.getAllByRole('status')[0]).toHaveTextContent(/Loading your organization/);
  });

  it('shows a name with markup as text', () => {
    const { container } = show('long-name');
    expect(screen.getByText(/<img src=x onerror=alert\(1\)>/)).toBeVisible();
    expect(container.querySelector('img')).toBeNull();
  });

  it('speaks the other languages', () => {
    renderStory(stories, 'usage/panel/manager', { locale: english('de-DE') });
    expect(card('Today’s tokens')).toContain('7.072');
  });
});

describe('when something is the matter', () => {
  it.each([
    ['no-organization', /No organization/, 'Try again'],
    ['not-found', /Not found.*there is no such page/, 'Load again'],
    ['busy', /A moment, please.*42 sec/, 'Try again'],
    ['unavailable', /Not available.*the database is gone/, 'Try again'],
    ['server-error', /went wrong on the server/, 'Try again'],
    ['unreadable', /could not be read/, 'Try again'],
    ['offline-at-first', /cannot be reached/, 'Try again'],
  ])('explains “%s” and can try again', async (name, words, again) => {
    const onrefresh = vi.fn();
    show(name, { onrefresh });
    const [notice] = screen.getAllByRole('status').filter((each) => words.test(said(each)));
    if (!notice) throw new Error('nothing is explained');
    await fireEvent.click(within(notice).getByRole('button', { name: again }));
    expect(onrefresh).toHaveBeenCalledOnce();
  });

  it('offers to sign in when the session has ended, and shows no figures', async () => {
    const onsignin = vi.fn();
    show('signed-out', { onsignin });
    await fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(onsignin).toHaveBeenCalledOnce();
    expect(screen.queryByText('Today’s cost')).toBeNull();
  });

  it('does nothing for who is not allowed, but says so', () => {
    show('forbidden');
    expect(screen.getByText('Not allowed')).toBeVisible();
  });

  it('keeps the last figures under a failure, and says how old they are', () => {
    show('offline');
    expect(screen.getByText(/Showing the figures as of .*\d/)).toBeVisible();
    expect(card('Today’s cost')).toMatch(/Not live/);
  });

  it.each([
    ['limit-reached', 'The organization’s monthly limit is used up', /refused until Dec 1/],
    ['limit-reached-alert', 'The organization’s monthly limit is used up', /Calls go on/],
    ['deactivated', 'This organization is deactivated', /all calls are refused/],
    ['own-limit-reached', 'Your own monthly limit is used up', /refused until Dec 1/],
  ])('says what “%s” means', (name, title, text) => {
    show(name);
    expect(screen.getByText(title)).toBeVisible();
    expect(screen.getByText(text)).toBeVisible();
  });

  it.each([
    ['clock-a-day-ahead', /clock of this computer is ahead/],
    ['clock-a-day-behind', /clock of this computer is behind/],
    ['other-zone', /Days follow Pacific\/Kiritimati time; this browser keeps/],
    ['hint', /This server has metered no call/],
  ])('tells of “%s”', (name, words) => {
    show(name);
    expect(screen.getByText(words)).toBeVisible();
  });

  it('tells an organization without usage how to begin, and lets it look at earlier days', async () => {
    show('nothing-used');
    expect(screen.getByText('No usage yet')).toBeVisible();
    expect(screen.queryByText('Today’s cost')).toBeNull();
    expect(screen.queryByRole('tab')).toBeNull();
    await fireEvent.click(screen.getByRole('button', { name: 'Look at earlier days' }));
    expect(await tabs()).toHaveLength(5);
  }, 30_000);

  it('does not refresh twice at a time, and keeps the button’s focus', async () => {
    const onrefresh = vi.fn();
    show('refreshing', { onrefresh });
    const button = screen.getByRole('button', { name: 'Refreshing…' });
    button.focus();
    await fireEvent.click(button);
    expect(onrefresh).not.toHaveBeenCalled();
    expect(button).toHaveFocus();
  });
});

describe('the tabs', () => {
  it('give managers their statements, and members none', async () => {
    show('manager');
    expect((await tabs()).map((tab) => tab.textContent.trim())).toEqual([
      'Overview',
      'Stats',
      'By user',
      'By model',
      'Statements',
    ]);
    await fireEvent.click(screen.getByRole('tab', { name: 'Statements' }));
    expect(await screen.findByText('ACME-2026-10-1')).toBeVisible();
  }, 30_000);

  it('give members four', async () => {
    show('member');
    expect(await tabs()).toHaveLength(4);
    expect(screen.queryByRole('tab', { name: 'Statements' })).toBeNull();
  }, 30_000);

  it('lead from a user to a model and back', async () => {
    show('manager');
    await tabs();
    await fireEvent.click(screen.getByRole('tab', { name: 'By user' }));
    await press('Frida Nowak');
    const trail = within(await screen.findByLabelText('What is open', {}, PATIENT));
    expect(trail.getByText('Frida Nowak')).toBeVisible();
    await press('qwen/qwen3-8b');
    await waitFor(() => expect(trail.getByText('qwen/qwen3-8b')).toBeVisible());
    await fireEvent.click(trail.getByText('Frida Nowak'));
    await waitFor(() => expect(trail.queryByText('qwen/qwen3-8b')).toBeNull());
    await fireEvent.click(trail.getByLabelText('Back'));
    await waitFor(() => expect(screen.queryByLabelText('What is open')).toBeNull());
    expect(await screen.findByText('Usage by user', {}, PATIENT)).toBeInTheDocument();
  }, 30_000);

  it('lead from a bar to its day', async () => {
    show('manager');
    const chart = await screen.findByRole('slider', {}, PATIENT);
    await fireEvent.keyDown(chart, { key: 'ArrowLeft' });
    await fireEvent.keyDown(chart, { key: 'Enter' });
    expect(await screen.findByText('Mon, Nov 23, 2026')).toBeVisible();
    expect(screen.getByRole('heading', { name: 'By user' })).toBeVisible();
    expect(screen.getByRole('heading', { name: 'By model' })).toBeVisible();
  }, 30_000);

  it('are skeletons while the reports are slow, and say what is wrong with them', async () => {
    show('reports-broken');
    expect(await screen.findByText(/went wrong on the server/, {}, PATIENT)).toBeVisible();
    expect(card('Today’s cost')).toMatch(/Live/);
  });
});

async function press(name: string): Promise<void> {
  await fireEvent.click(await screen.findByText(name, {}, PATIENT));
}

function said(element: HTMLElement): string {
  return element.textContent.replace(/\s+/g, ' ');
}
