import { vi } from 'vitest';

/** A stand-in for the browser's IntersectionObserver, which jsdom lacks: tests move the element. */
export function stubIntersection() {
  const live = new Set<(inView: boolean) => void>();
  class Observer {
    #tell: (inView: boolean) => void;
    constructor(callback: IntersectionObserverCallback) {
      this.#tell = (isIntersecting) =>
        callback([{ isIntersecting } as IntersectionObserverEntry], this as never);
    }
    observe() {
      live.add(this.#tell);
    }
    disconnect() {
      live.delete(this.#tell);
    }
  }
  vi.stubGlobal('IntersectionObserver', Observer);
  return {
    show: (inView: boolean) => live.forEach((tell) => tell(inView)),
    /** How many observers have not been disconnected. */
    get size() {
      return live.size;
    },
  };
}

/** Puts the whole page in front or behind. */
export function setPageVisible(visible: boolean): void {
  Object.defineProperty(document, 'visibilityState', {
    configurable: true,
    get: () => (visible ? 'visible' : 'hidden'),
  });
  document.dispatchEvent(new Event('visibilitychange'));
}

export function jsonResponse(body: unknown, status = 200): Response {
  return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });
}
