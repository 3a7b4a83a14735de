/**
 * Loads at once and then at an interval, but only while somebody can see the element. When it comes
 * back into view, an overdue load runs at once; so it does when the browser is online again.
 */
import { watchSight } from './sight';

export interface RefresherOptions {
  /**
   * Loads once; told by the signal when nobody waits for it any more. Handles its own errors. It may
   * answer how long the server asked to be left alone, in milliseconds.
   */
  load: (signal: AbortSignal) => Promise<number | null>;
  element: Element;
  everyMs: number;
  /** The interval after `hurry`. */
  soonMs: number;
}

export interface Refresher {
  /** Loads now, or joins the load that is under way. */
  refresh(): Promise<void>;
  /** What was loaded is out of date: loads soon, and at once if the last load is long ago. */
  hurry(): void;
  /** Ends timers, listeners and the load under way. */
  stop(): void;
}

export function startRefresher({ load, element, everyMs, soonMs }: RefresherOptions): Refresher {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | undefined;
  // The monotonic clock: a computer's date may jump, and then nothing would load for hours.
  let startedAt = -Infinity;
  let hurried = false;
  // Before this, only a reader's own wish loads anything.
  let quietUntil = -Infinity;
  const sight = watchSight(element, schedule);
  window.addEventListener('online', overdue, { signal: controller.signal });

  function schedule(): void {
    clearTimeout(timer);
    timer = undefined;
    if (running || !sight.seen) return;
    const interval = hurried ? soonMs : everyMs;
    const next = Math.max(startedAt + interval, quietUntil);
    const wait = Math.max(0, next - performance.now());
    timer = setTimeout(() => void refresh(), wait);
  }

  function refresh(): Promise<void> {
    if (controller.signal.aborted) return Promise.resolve();
    running ??= run();
    return running;
  }

  async function run(): Promise<void> {
    clearTimeout(timer);
    hurried = false;
    startedAt = performance.now();
    try {
      const pauseMs = await load(controller.signal);
      quietUntil = performance.now() + (pauseMs ?? 0);
    } finally {
      running = undefined;
      schedule();
    }
  }

  function overdue(): void {
    startedAt = -Infinity;
    schedule();
  }

  schedule();

  return {
    refresh,
    hurry() {
      hurried = true;
      // A load under way may have been answered before the change, so it does not count.
      if (running) startedAt = -Infinity;
      schedule();
    },
    stop() {
      controller.abort();
      sight.stop();
      clearTimeout(timer);
    },
  };
}
