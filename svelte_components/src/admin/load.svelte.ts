import type { Answer, Failure } from '../client/http';

export type Phase = 'loading' | 'ready' | 'failed';

/** What was asked of the server, and how that went. All of it is reactive. */
export interface Resource<T> {
  /** `failed` may have a value as well: the one from before. */
  readonly phase: Phase;
  readonly value: T | null;
  readonly failure: Failure | null;
  /** A question is on its way, the first one or another. */
  readonly busy: boolean;
  /** Asks again, keeping what is there until the answer comes. */
  refresh(): Promise<void>;
  /** Replaces the value by one that is known to hold, or that will. */
  set(value: T): void;
}

/**
 * Loads at once and whenever something reactive that `load` reads at its beginning has changed. An
 * answer that is no longer wanted is dropped and its request aborted, at the latest when the
 * component goes. Call it while the component is made.
 */
export function resource<T>(load: (signal: AbortSignal) => Promise<Answer<T>>): Resource<T> {
  let phase = $state<Phase>('loading');
  let value = $state.raw<T | null>(null);
  let failure = $state.raw<Failure | null>(null);
  let busy = $state(false);
  let current = new AbortController();

  function take(answer: Answer<T>): void {
    busy = false;
    phase = answer.ok ? 'ready' : 'failed';
    failure = answer.ok ? null : answer.failure;
    if (answer.ok) value = answer.value;
  }

  async function ask(): Promise<void> {
    current.abort();
    const mine = (current = new AbortController());
    busy = true;
    const answer = await load(mine.signal);
    if (!mine.signal.aborted) take(answer);
  }

  $effect(() => {
    void ask();
    return () => current.abort();
  });

  return {
    get phase() {
      return phase;
    },
    get value() {
      return value;
    },
    get failure() {
      return failure;
    },
    get busy() {
      return busy;
    },
    refresh: ask,
    set(next) {
      current.abort();
      take({ ok: true, value: next });
    },
  };
}

/**
 * Shows a change at once and makes it true: `commit` answers with what holds now. Where it fails,
 * the value from before comes back and `onfail` says so; false is answered then.
 */
export async function optimistic<T>(
  resource: Pick<Resource<T>, 'value' | 'set'>,
  change: (value: T) => T,
  commit: () => Promise<Answer<T>>,
  onfail: (failure: Failure) => void,
): Promise<boolean> {
  const before = resource.value;
  if (before === null) return false;
  resource.set(change(before));
  const answer = await commit();
  resource.set(answer.ok ? answer.value : before);
  if (!answer.ok) onfail(answer.failure);
  return answer.ok;
}
