import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setPageVisible, stubIntersection } from '../testing/page';
import { startRefresher, type Refresher } from './refresher';

const EVERY_MS = 30_000;
const SOON_MS = 5_000;

let element: HTMLElement;
let refresher: Refresher;
let view: ReturnType<typeof stubIntersection>;
const load = vi.fn<(signal: AbortSignal) => Promise<number | null>>();

beforeEach(async () => {
  vi.useFakeTimers();
  view = stubIntersection();
  setPageVisible(true);
  load.mockReset().mockResolvedValue(null);
  element = document.body.appendChild(document.createElement('div'));
  refresher = startRefresher({ load, element, everyMs: EVERY_MS, soonMs: SOON_MS });
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  refresher.stop();
  element.remove();
  vi.useRealTimers();
});

describe('startRefresher', () => {
  it('loads at once and then at the interval', async () => {
    expect(load).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(EVERY_MS * 2);
    expect(load).toHaveBeenCalledTimes(3);
  });

  it('rests while the page is behind and catches up when it comes back', async () => {
    setPageVisible(false);
    await vi.advanceTimersByTimeAsync(EVERY_MS * 5);
    expect(load).toHaveBeenCalledTimes(1);
    setPageVisible(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('rests while the element is out of view', async () => {
    view.show(false);
    await vi.advanceTimersByTimeAsync(EVERY_MS * 5);
    expect(load).toHaveBeenCalledTimes(1);
    view.show(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('does not load again early when it was out of view for a moment', async () => {
    view.show(false);
    await vi.advanceTimersByTimeAsync(1000);
    view.show(true);
    await vi.advanceTimersByTimeAsync(EVERY_MS - 1001);
    expect(load).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('joins a load that is under way', async () => {
    let finish = () => {};
    load.mockImplementation(() => new Promise((resolve) => (finish = () => resolve(null))));
    const first = refresher.refresh();
    const second = refresher.refresh();
    finish();
    await Promise.all([first, second]);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('waits a whole interval after a refresh by hand', async () => {
    await vi.advanceTimersByTimeAsync(EVERY_MS - 10);
    await refresher.refresh();
    await vi.advanceTimersByTimeAsync(EVERY_MS - 1);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('hurries to an overdue load and otherwise waits a short interval', async () => {
    await vi.advanceTimersByTimeAsync(SOON_MS);
    refresher.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(load).toHaveBeenCalledTimes(2);
    refresher.hurry();
    refresher.hurry();
    await vi.advanceTimersByTimeAsync(SOON_MS - 1);
    expect(load).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(load).toHaveBeenCalledTimes(3);
    // Once: afterwards the long interval counts again.
    await vi.advanceTimersByTimeAsync(EVERY_MS - 1);
    expect(load).toHaveBeenCalledTimes(3);
  });

  it('loads again at once when it is hurried during a load', async () => {
    let finish = () => {};
    load.mockImplementationOnce(() => new Promise((resolve) => (finish = () => resolve(null))));
    void refresher.refresh();
    refresher.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(load).toHaveBeenCalledTimes(2);
    finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(load).toHaveBeenCalledTimes(3);
  });

  it('does not hurry while nobody sees it', async () => {
    setPageVisible(false);
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    refresher.hurry();
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('leaves a server alone for as long as it asked, unless the reader wishes', async () => {
    load.mockResolvedValue(120_000);
    await refresher.refresh();
    refresher.hurry();
    await vi.advanceTimersByTimeAsync(119_999);
    expect(load).toHaveBeenCalledTimes(2);
    await refresher.refresh();
    expect(load).toHaveBeenCalledTimes(3);
    load.mockResolvedValue(null);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(load).toHaveBeenCalledTimes(4);
  });

  it('loads at once when the browser is online again', async () => {
    window.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(0);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('leaves nothing behind when stopped, not even a load under way', async () => {
    load.mockImplementation(() => new Promise(() => {}));
    void refresher.refresh();
    const { signal } = { signal: load.mock.lastCall?.[0] };
    refresher.stop();
    expect(signal?.aborted).toBe(true);
    expect(view.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    setPageVisible(true);
    await refresher.refresh();
    expect(vi.getTimerCount()).toBe(0);
    expect(load).toHaveBeenCalledTimes(2);
  });
});
