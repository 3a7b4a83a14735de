/** Whether somebody can see an element: the page is in front, and the element is in view. */

export interface Sight {
  readonly seen: boolean;
  /** Ends the watching; from then on nothing is seen. */
  stop(): void;
}

/** Calls `changed` whenever it may have changed; not at the start. */
export function watchSight(element: Element, changed: () => void): Sight {
  const controller = new AbortController();
  let inView = true;
  const observer = new IntersectionObserver((entries) => {
    inView = entries.at(-1)?.isIntersecting ?? inView;
    changed();
  });
  observer.observe(element);
  document.addEventListener('visibilitychange', changed, { signal: controller.signal });
  return {
    get seen() {
      return (
        !controller.signal.aborted &&
        inView &&
        element.isConnected &&
        document.visibilityState === 'visible'
      );
    },
    stop() {
      controller.abort();
      observer.disconnect();
    },
  };
}
