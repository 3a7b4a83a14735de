/**
 * Keeps a stream of events open while it is wanted and somebody can see the element. A stream that
 * was given up is opened again after a pause that grows with each failure in a row.
 */
import { openEvents } from '../client/events';
import type { ToldToday } from '../client/my-organization';
import { watchSight } from './sight';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export interface StreamOptions {
  element: Element;
  ontoday: (told: ToldToday) => void;
}

export interface Stream {
  want(wanted: boolean): void;
  /** Closes the connection and ends timers and listeners. */
  stop(): void;
}

export function startStream({ element, ontoday }: StreamOptions): Stream {
  let wanted = false;
  let failures = 0;
  let close: (() => void) | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const sight = watchSight(element, sync);

  function sync(): void {
    if (!wanted || !sight.seen) rest();
    else if (!close && timer === undefined) open();
  }

  function open(): void {
    timer = undefined;
    close = openEvents({
      ontoday: (told) => {
        failures = 0;
        ontoday(told);
      },
      onlost: () => {
        close = undefined;
        timer = setTimeout(open, pauseMs(failures));
        failures += 1;
      },
    });
  }

  function rest(): void {
    close?.();
    close = undefined;
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    want(next) {
      wanted = next;
      sync();
    },
    stop() {
      sight.stop();
      rest();
    },
  };
}

/** Half of it is chance: after a restart of the server not every page comes back at once. */
function pauseMs(failures: number): number {
  const most = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
  return most * (0.5 + Math.random() / 2);
}
