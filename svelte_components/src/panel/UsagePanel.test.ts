import { render, screen, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import type { FailureKind } from '../client/usage';
import { english } from '../testing/locale';
import { sampleUsage, unusedUsage } from '../testing/usage';
import UsagePanel from './UsagePanel.svelte';
import type { View } from './view';

const received = { usage: sampleUsage(), at: 0 };

function show(view: View, more: { busy?: boolean } = {}) {
  const onrefresh = vi.fn();
  const onsignin = vi.fn();
  render(UsagePanel, {
    props: {
      view,
      locale: english(),
      theme: 'light',
      busy: false,
      onrefresh,
      onsignin,
      ...more,
    },
  });
  return { onrefresh, onsignin };
}

const failedView = (kind: FailureKind, last = false): View => ({
  phase: 'failed',
  failure: { kind, status: 503, detail: 'the database is gone' },
  last: last ? received : null,
});

/** The card's value and notes, found by its label. */
const card = (label: string) => screen.getByText(label).closest('div')?.textContent ?? '';

describe('UsagePanel', () => {
  it('shows the four figures of the organization', () => {
    show({ phase: 'ready', received });
    expect(screen.getByRole('heading', { level: 2 })).toHaveTextContent('Organization usage');
    expect(screen.getByText('Acme')).toBeVisible();
    expect(card('Today’s tokens')).toMatch(/Live.*7,072.*5,050 in.*2,022 out/s);
    expect(card('Today’s cost')).toMatch(/Live.*\$0\.000123.*4 requests/s);
    expect(card('Month total')).toMatch(
      /Nov 2026.*\$1,234\.57.*12 days active.*400 requests.*720,000 tokens/s,
    );
    expect(card('Daily average')).toMatch(/\$0\.10.*600 tokens.*per active day/s);
    expect(screen.getByText('1 call is awaiting its final cost')).toBeVisible();
    expect(screen.getByText(/^Last updated/)).toBeVisible();
    expect(screen.getByText('Days follow Europe/Warsaw time')).toBeVisible();
  });

  it('says nothing of pending calls when there are none', () => {
    const usage = sampleUsage();
    usage.today.pendingRequests = 0;
    show({ phase: 'ready', received: { usage, at: 0 } });
    expect(screen.queryByText(/awaiting/)).toBeNull();
  });

  it('holds the place while the first answer is on its way', () => {
    show({ phase: 'loading' });
    expect(screen.getByRole('status')).toHaveTextContent('Loading your organization’s usage…');
    expect(screen.getByRole('region', { name: 'Organization usage' })).toHaveAttribute(
      'aria-busy',
      'true',
    );
  });

  it('tells an organization without usage how to begin', () => {
    show({ phase: 'ready', received: { usage: unusedUsage(), at: 0 } });
    expect(screen.getByRole('status')).toHaveTextContent('No usage yet');
    expect(screen.queryByText('Today’s cost')).toBeNull();
  });

  it.each<[FailureKind, RegExp]>([
    ['no-organization', /not in an organization.*Ask your administrator/],
    ['unavailable', /meter is not available.*the database is gone/],
    ['busy', /Too many requests/],
    ['server', /had a problem.*status 503/],
    ['unreadable', /could not be read/],
    ['unreachable', /cannot be reached/],
  ])('explains “%s” and can try again', (kind, words) => {
    const { onrefresh } = show(failedView(kind));
    const notice = screen.getByRole('status');
    expect(notice.textContent?.replace(/\s+/g, ' ')).toMatch(words);
    within(notice).getByRole('button', { name: 'Try again' }).click();
    expect(onrefresh).toHaveBeenCalledOnce();
  });

  it('offers to sign in when the session has ended', () => {
    const { onsignin } = show(failedView('signed-out'));
    screen.getByRole('button', { name: 'Sign in again' }).click();
    expect(onsignin).toHaveBeenCalledOnce();
  });

  it('keeps the last figures under a failure, and says how old they are', () => {
    show(failedView('unreachable', true));
    expect(screen.getByRole('status')).toHaveTextContent(/Showing the figures as of .*\d/);
    expect(card('Today’s cost')).toMatch(/Not live/);
  });

  it('does not refresh twice at a time, and keeps the button’s focus', () => {
    const { onrefresh } = show({ phase: 'ready', received }, { busy: true });
    const button = screen.getByRole('button', { name: 'Refreshing…' });
    button.focus();
    button.click();
    expect(onrefresh).not.toHaveBeenCalled();
    expect(button).toHaveFocus();
  });

  it('shows a name with markup as text', () => {
    const usage = sampleUsage();
    usage.organization = '<img src=x onerror=alert(1)>';
    show({ phase: 'ready', received: { usage, at: 0 } });
    expect(screen.getByText('<img src=x onerror=alert(1)>')).toBeVisible();
    expect(screen.queryByRole('img')).toBeNull();
  });
});
