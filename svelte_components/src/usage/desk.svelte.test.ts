import { flushSync } from 'svelte';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { failed, type Answer } from '../client/http';
import type { Report, ReportQuery } from '../client/my-report';
import { dayBefore, reportOf } from '../testing/report';
import { TODAY } from '../testing/usage';
import { deskOf, loadReport, type Loading } from './desk.svelte';
import type { Source } from './source';

const ask = vi.fn<(query: ReportQuery, signal: AbortSignal) => Promise<Answer<Report>>>();
const source = { report: ask } as unknown as Source;
const answered = async (query: ReportQuery): Promise<Answer<Report>> => ({
  ok: true,
  value: reportOf(query),
});
const week = (to = TODAY): ReportQuery => ({ from: dayBefore(to, 6), to, groupBy: ['user'] });
const signal = () => new AbortController().signal;
const settled = () => vi.advanceTimersByTimeAsync(0);

let end = () => {};

/** A component's part of the work: it lives until the test is over. */
function mount(desk = deskOf(source, () => TODAY), query: () => ReportQuery | null = () => week()) {
  let loading!: Loading<Report>;
  end = $effect.root(() => {
    loading = loadReport(() => desk, query);
  });
  flushSync();
  return { loading, desk };
}

beforeEach(() => {
  vi.useFakeTimers();
  ask.mockReset().mockImplementation(answered);
});

afterEach(() => {
  end();
  vi.useRealTimers();
});

it('asks once for days that are over, and again for those with today', async () => {
  const desk = deskOf(source, () => TODAY);
  const over = week(dayBefore(TODAY, 1));
  await desk.report(over, signal());
  await desk.report({ ...over }, signal());
  expect(ask).toHaveBeenCalledTimes(1);
  await desk.report(week(), signal());
  await desk.report(week(), signal());
  expect(ask).toHaveBeenCalledTimes(3);
  desk.renew(true);
  await desk.report(over, signal());
  expect(ask).toHaveBeenCalledTimes(4);
});

it('remembers names, and no failure', async () => {
  const desk = deskOf(source, () => TODAY);
  expect(desk.nameOf('user_1')).toBeNull();
  ask.mockResolvedValueOnce(failed('server', 500));
  const over = week(dayBefore(TODAY, 1));
  await desk.report(over, signal());
  expect(desk.known(over)).toBeNull();
  await desk.report(over, signal());
  expect(desk.nameOf('user_1')).toBe('Frida Nowak');
});

it('keeps the old figures until the new ones are there', async () => {
  const { loading, desk } = mount();
  expect(loading).toMatchObject({ value: null, busy: true });
  await settled();
  const first = loading.value;
  expect(loading).toMatchObject({ busy: false, failure: null, isOld: false });
  desk.renew();
  flushSync();
  expect(loading).toMatchObject({ value: first, busy: true });
  await settled();
  expect(ask).toHaveBeenCalledTimes(2);
});

it('keeps them under a failure, and asks again when the busy server said', async () => {
  const { loading, desk } = mount();
  await settled();
  ask.mockResolvedValueOnce(failed('busy', 429, { retryAfterMs: 9_000 }));
  desk.renew();
  flushSync();
  await settled();
  expect(loading.failure?.kind).toBe('busy');
  expect(loading.value).not.toBeNull();
  await vi.advanceTimersByTimeAsync(8_999);
  expect(ask).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(1);
  flushSync();
  await settled();
  expect(loading.failure).toBeNull();
});

it('aborts what is no longer wanted, and leaves nothing behind', async () => {
  ask.mockImplementation(() => new Promise(() => {}));
  mount();
  expect(ask.mock.lastCall?.[1].aborted).toBe(false);
  end();
  expect(ask.mock.lastCall?.[1].aborted).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it('asks for nothing where there is no question', async () => {
  const { loading } = mount(undefined, () => null);
  await settled();
  expect(ask).not.toHaveBeenCalled();
  expect(loading.value).toBeNull();
});
