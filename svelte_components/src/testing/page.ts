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

/** A stand-in for the browser's EventSource, which jsdom lacks: tests are the server. */
export function stubEventSource() {
  const all: Source[] = [];
  class Source extends EventTarget {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSED = 2;
    readyState = Source.OPEN;
    constructor(readonly url: string) {
      super();
      all.push(this);
    }
    close() {
      this.readyState = Source.CLOSED;
    }
    tell(data: unknown) {
      this.readyState = Source.OPEN;
      const text = typeof data === 'string' ? data : JSON.stringify(data);
      this.dispatchEvent(new MessageEvent('usage', { data: text }));
    }
    /** The connection ends; the browser goes on trying, or cannot. */
    fail(readyState: number) {
      this.readyState = readyState;
      this.dispatchEvent(new Event('error'));
    }
  }
  vi.stubGlobal('EventSource', Source);
  return {
    all,
    get open() {
      return all.filter((source) => source.readyState !== Source.CLOSED);
    },
    get last() {
      const last = all.at(-1);
      if (!last) throw new Error('no stream was opened');
      return last;
    },
  };
}
