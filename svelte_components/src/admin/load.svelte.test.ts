import { flushSync } from 'svelte';
import { describe, expect, it, vi } from 'vitest';
import { failed, type Answer } from '../client/http';
import { optimistic, resource, type Resource } from './load.svelte';

/** A resource in a root of its own, as in a component; `stop` is what its end does. */
function rooted<T>(load: (signal: AbortSignal) => Promise<Answer<T>>) {
  let made: Resource<T> | undefined;
  const stop = $effect.root(() => {
    made = resource(load);
  });
  flushSync();
  return { found: made as Resource<T>, stop };
}

const fine = <T>(value: T): Answer<T> => ({ ok: true, value });
const settled = () => new Promise((done) => setTimeout(done));

describe('resource', () => {
  it('loads, and keeps what it has beside a later trouble', async () => {
    const load = vi.fn<() => Promise<Answer<string>>>(async () => fine('one'));
    const { found, stop } = rooted(load);
    expect([found.phase, found.busy]).toEqual(['loading', true]);
    await settled();
    expect([found.phase, found.value, found.busy]).toEqual(['ready', 'one', false]);

    load.mockResolvedValueOnce(failed('server', 500));
    await found.refresh();
    expect([found.phase, found.value, found.failure?.kind]).toEqual(['failed', 'one', 'server']);
    stop();
  });

  it('loads anew when what it reads has changed, and drops the answer that is too late', async () => {
    let wanted = $state('slow');
    const finish: Record<string, (answer: Answer<string>) => void> = {};
    const signals: AbortSignal[] = [];
    const { found, stop } = rooted((signal) => {
      const name = wanted;
      signals.push(signal);
      return new Promise<Answer<string>>((done) => (finish[name] = done));
    });
    wanted = 'quick';
    flushSync();
    finish.quick?.(fine('quick'));
    await settled();
    finish.slow?.(fine('slow'));
    await settled();
    expect(found.value).toBe('quick');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    stop();
    expect(signals[1]?.aborted).toBe(true);
  });
});

describe('optimistic', () => {
  it('shows the change at once, and then what the server made of it', async () => {
    const { found, stop } = rooted(async () => fine(1));
    await settled();
    const change = optimistic(
      found,
      (value) => value + 1,
      async () => fine(5),
      () => expect.unreachable(),
    );
    expect(found.value).toBe(2);
    expect(await change).toBe(true);
    expect(found.value).toBe(5);
    stop();
  });

  it('brings the value back where the server refuses', async () => {
    const { found, stop } = rooted(async () => fine(1));
    await settled();
    const told = vi.fn();
    const refusal = failed('changed', 412);
    const isDone = await optimistic(
      found,
      () => 9,
      async () => refusal,
      told,
    );
    expect([isDone, found.value, found.phase]).toEqual([false, 1, 'ready']);
    expect(told).toHaveBeenCalledExactlyOnceWith(refusal.failure);
    stop();
  });
});
