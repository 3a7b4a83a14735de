import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EVENTS_URL } from '../client/events';
import type { ToldToday } from '../client/my-organization';
import { setPageVisible, stubEventSource, stubIntersection } from '../testing/page';
import { sampleBody } from '../testing/usage';
import { startStream, type Stream } from './stream';

const LONGEST_MS = 60_000;

let element: HTMLElement;
let stream: Stream;
let view: ReturnType<typeof stubIntersection>;
let server: ReturnType<typeof stubEventSource>;
const ontoday = vi.fn<(told: ToldToday) => void>();
const body = () => ({ client_id: 'org_1', today: sampleBody().stats.today });

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(1);
  view = stubIntersection();
  server = stubEventSource();
  setPageVisible(true);
  ontoday.mockReset();
  element = document.body.appendChild(document.createElement('div'));
  stream = startStream({ element, ontoday });
});

afterEach(() => {
  stream.stop();
  element.remove();
  vi.useRealTimers();
});

describe('startStream', () => {
  it('opens when it is wanted, once', () => {
    expect(server.all).toHaveLength(0);
    stream.want(true);
    stream.want(true);
    expect(server.all.map((source) => source.url)).toEqual([EVENTS_URL]);
    stream.want(false);
    expect(server.open).toHaveLength(0);
  });

  it('hands on what it is told and leaves out what it cannot read', () => {
    stream.want(true);
    for (const broken of ['', '{', 'null', '{"client_id": "org_1"}', '[]'])
      server.last.tell(broken);
    expect(ontoday).not.toHaveBeenCalled();
    server.last.tell(body());
    expect(ontoday.mock.lastCall?.[0]).toMatchObject({
      organizationId: 'org_1',
      today: { date: '2026-11-24', tokens: 7072, cost: '0.000123456', pendingRequests: 1 },
    });
  });

  it('is closed while nobody sees it', () => {
    stream.want(true);
    setPageVisible(false);
    expect(server.open).toHaveLength(0);
    setPageVisible(true);
    expect(server.open).toHaveLength(1);
    view.show(false);
    expect(server.open).toHaveLength(0);
    view.show(true);
    expect(server.all).toHaveLength(3);
  });

  it('leaves a first loss to the browser, which knows the last event', () => {
    stream.want(true);
    const source = server.last;
    source.fail(EventSource.CONNECTING);
    source.tell(body());
    source.fail(EventSource.CONNECTING);
    expect(server.open).toEqual([source]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes over after a second loss in a row', async () => {
    stream.want(true);
    server.last.fail(EventSource.CONNECTING);
    server.last.fail(EventSource.CONNECTING);
    expect(server.open).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.open).toHaveLength(1);
  });

  it('comes back after pauses that grow, until it is told something', async () => {
    stream.want(true);
    for (const pause of [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000)) {
      const before = server.all.length;
      server.last.fail(EventSource.CLOSED);
      await vi.advanceTimersByTimeAsync(pause - 1);
      expect(server.all).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(server.all).toHaveLength(before + 1);
    }
    server.last.tell(body());
    server.last.fail(EventSource.CLOSED);
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.open).toHaveLength(1);
  });

  it('does not come back while it is not wanted or not seen', async () => {
    stream.want(true);
    server.last.fail(EventSource.CLOSED);
    setPageVisible(false);
    await vi.advanceTimersByTimeAsync(LONGEST_MS);
    expect(server.all).toHaveLength(1);
    setPageVisible(true);
    server.last.fail(EventSource.CLOSED);
    stream.want(false);
    await vi.advanceTimersByTimeAsync(LONGEST_MS);
    expect(server.open).toHaveLength(0);
  });

  it('leaves nothing behind when stopped', async () => {
    stream.want(true);
    server.last.fail(EventSource.CLOSED);
    stream.stop();
    stream.want(true);
    await vi.advanceTimersByTimeAsync(LONGEST_MS);
    expect(server.open).toHaveLength(0);
    expect(view.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
