import type { Answer, Failure, FailureKind, OrganizationUsage } from '../client/usage';

/** Figures and when the browser received them, in UTC milliseconds. */
export interface Received {
  usage: OrganizationUsage;
  at: number;
}

export type View =
  | { phase: 'loading' }
  | { phase: 'ready'; received: Received }
  /** `last` holds the figures of before, where they are still the reader's to see. */
  | { phase: 'failed'; failure: Failure; last: Received | null };

/** After these the reader may no longer be one of this organization: old figures must go. */
const NOT_ENTITLED: readonly FailureKind[] = ['signed-out', 'no-organization'];

/** What to draw after this answer, given what is drawn now. */
export function nextView(view: View, answer: Answer, now: number): View {
  if (answer.ok) return { phase: 'ready', received: { usage: answer.usage, at: now } };
  const { failure } = answer;
  const last = NOT_ENTITLED.includes(failure.kind) ? null : receivedOf(view);
  return { phase: 'failed', failure, last };
}

/** The figures a view shows, if it shows any. */
export function receivedOf(view: View): Received | null {
  if (view.phase === 'ready') return view.received;
  return view.phase === 'failed' ? view.last : null;
}

/** When the figures were true: the server's last change, else when we were told. UTC milliseconds. */
export function instantOf(received: Received): number {
  const told = Date.parse(received.usage.today.lastUpdated ?? '');
  return Number.isNaN(told) ? received.at : told;
}

/** True when the organization has never used a model, as far as the answer reaches. */
export function isUnused(usage: OrganizationUsage): boolean {
  const days = [usage.today, ...usage.history];
  return (
    usage.month.requests === 0 &&
    usage.today.pendingRequests === 0 &&
    days.every((day) => day.requests === 0 && day.tokens === 0)
  );
}
