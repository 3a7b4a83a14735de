/**
 * Loads at once and then at an interval, but only while somebody can see the element: the page is
 * in front, and the element is in view. When it comes back into view, an overdue load runs at once.
 */

export interface RefresherOptions {
  /** Loads once; told by the signal when nobody waits for it any more. Handles its own errors. */
  load: (signal: AbortSignal) => Promise<void>;
  element: Element;
  everyMs: number;
}

export interface Refresher {
  /** Loads now, or joins the load that is under way. */
  refresh(): Promise<void>;
  /** Ends timers, listeners and the load under way. */
  stop(): void;
}

export function startRefresher({ load, element, everyMs }: RefresherOptions): Refresher {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | undefined;
  // The monotonic clock: a computer's date may jump, and then nothing would load for hours.
  let startedAt = -Infinity;
  let inView = true;

  const watched = () =>
    !controller.signal.aborted &&
    inView &&
    element.isConnected &&
    document.visibilityState === 'visible';

  function schedule(): void {
    clearTimeout(timer);
    timer = undefined;
    if (running || !watched()) return;
    const wait = Math.max(0, startedAt + everyMs - performance.now());
    timer = setTimeout(() => void refresh(), wait);
  }

  function refresh(): Promise<void> {
    if (controller.signal.aborted) return Promise.resolve();
    running ??= run();
    return running;
  }

  async function run(): Promise<void> {
    clearTimeout(timer);
    startedAt = performance.now();
    try {
      await load(controller.signal);
    } finally {
      running = undefined;
      schedule();
    }
  }

  const observer = new IntersectionObserver((entries) => {
    inView = entries.at(-1)?.isIntersecting ?? inView;
    schedule();
  });
  observer.observe(element);
  document.addEventListener('visibilitychange', schedule, { signal: controller.signal });
  schedule();

  return {
    refresh,
    stop() {
      controller.abort();
      observer.disconnect();
      clearTimeout(timer);
    },
  };
}
