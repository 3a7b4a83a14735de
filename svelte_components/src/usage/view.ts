/** What is known of the reader's organization, and what becomes of it with each answer. */
import type { Answer, Failure, FailureKind } from '../client/http';
import type { MyOrganization, ToldToday } from '../client/my-organization';

/** Figures, and how far the browser's clock was ahead of the server's when they came. */
export interface Received {
  usage: MyOrganization;
  /** When the browser received them, in UTC milliseconds of its own clock. */
  at: number;
}

export type View =
  | { phase: 'loading' }
  | { phase: 'ready'; received: Received }
  /** `last` holds the figures of before, where they are still the reader's to see. */
  | { phase: 'failed'; failure: Failure; last: Received | null };

/** After these the reader may no longer be one of this organization: old figures must go. */
const NOT_ENTITLED: readonly FailureKind[] = ['signed-out', 'forbidden', 'no-organization'];

/** What to draw after this answer, given what is drawn now. */
export function nextView(view: View, answer: Answer<MyOrganization>, now: number): View {
  if (answer.ok) return { phase: 'ready', received: { usage: answer.value, at: now } };
  const { failure } = answer;
  const last = NOT_ENTITLED.includes(failure.kind) ? null : receivedOf(view);
  return { phase: 'failed', failure, last };
}

/** The figures a view shows, if it shows any. */
export function receivedOf(view: View): Received | null {
  if (view.phase === 'ready') return view.received;
  return view.phase === 'failed' ? view.last : null;
}

/** When the figures were true by the server's clock, in UTC milliseconds. */
export function instantOf({ usage }: Received): number {
  return usage.today.lastUpdated ?? usage.serverTime;
}

/** True when the organization has never used a model, as far as the answer reaches. */
export function isUnused({ today, month, history }: MyOrganization): boolean {
  return (
    month.requests === 0 &&
    today.pendingRequests === 0 &&
    [today, ...history].every((day) => day.requests === 0 && day.tokens === 0)
  );
}

const FIGURES = [
  'tokens',
  'cost',
  'requests',
  'promptTokens',
  'completionTokens',
  'pendingRequests',
] as const;

/**
 * The usage with today as told: the same object where nothing differs, null where the told day is
 * of another organization or another date. The month is left as it was.
 */
export function withToday(usage: MyOrganization, told: ToldToday): MyOrganization | null {
  const { today } = told;
  if (told.organizationId !== usage.organizationId || today.date !== usage.today.date) return null;
  if (FIGURES.every((name) => today[name] === usage.today[name])) return usage;
  const { date, tokens, cost, requests, isImported } = today;
  const history = usage.history.map((day) =>
    day.date === date ? { date, tokens, cost, requests, isImported } : day,
  );
  return { ...usage, today, history };
}

/** Whether reports of today may have changed between two answers. */
export function differs(one: MyOrganization | undefined, other: MyOrganization): boolean {
  if (!one) return false;
  return (
    one.organizationId !== other.organizationId ||
    one.today.date !== other.today.date ||
    FIGURES.some((name) => one.today[name] !== other.today[name])
  );
}
