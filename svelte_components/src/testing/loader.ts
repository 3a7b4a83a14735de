/**
 * A page with the loader in it. A page loads it once; in tests each does, with a configuration as
 * the server writes it, and everything that it left running is ended afterwards.
 */
import { vi, type Mock } from 'vitest';

const BASE = '/api/usage-tracking/ui/assets/';

export const CONFIG = {
  base: BASE,
  modules: {
    'organization-usage': [
      ['organization-usage-1.js', 'sha384-usage'],
      ['shared-1.js', 'sha384-shared'],
    ],
    admin: [['admin-1.js', 'sha384-admin']],
  },
  texts: {
    en: {
      'loader.tab': 'Organization usage',
      'loader.keywords': 'billing cost spending',
      'loader.failed': 'This page could not be loaded.',
      'loader.adminTab': 'Usage & billing',
      'loader.adminKeywords': 'markup reconciliation spending',
    },
    pl: { 'loader.tab': 'Zużycie organizacji', 'loader.keywords': 'budżet koszt' },
  },
};

type Config = typeof CONFIG;

export interface LoaderPage {
  /** Called when a module is run, by its name. */
  imported: Record<'organization-usage' | 'admin', Mock>;
  /** The files that were fetched ahead, and the hash that was asked of each. */
  preloaded: { href: string; integrity: string }[];
  warn: Mock;
  /** Observers of the loader that still watch something. */
  observing: Set<MutationObserver>;
  close(): Promise<void>;
}

/** Observers report in a microtask; this lets them, and what they cause. */
export const settled = () => new Promise((resolve) => setTimeout(resolve));

interface Options {
  config?: Omit<Config, 'modules'> & { modules: Partial<Config['modules']> };
  /** Of which files the network has something else, or nothing. */
  fails?: (href: string) => boolean;
}

export async function loadLoader({
  config = CONFIG,
  fails = () => false,
}: Options = {}): Promise<LoaderPage> {
  vi.resetModules();
  const imported = { 'organization-usage': vi.fn(), admin: vi.fn() };
  const warn = vi.fn();
  const observing = new Set<MutationObserver>();
  for (const name of ['organization-usage', 'admin'] as const) {
    vi.doMock(`${BASE}${name}-1.js`, () => {
      imported[name]();
      return {};
    });
  }
  const NativeObserver = MutationObserver;
  vi.stubGlobal('__MAI_USAGE_CONFIG__', config);
  vi.stubGlobal(
    'MutationObserver',
    class extends NativeObserver {
      override observe(target: Node, options?: MutationObserverInit): void {
        observing.add(this);
        super.observe(target, options);
      }
      override disconnect(): void {
        observing.delete(this);
        super.disconnect();
      }
    },
  );
  vi.spyOn(console, 'warn').mockImplementation(warn);
  vi.spyOn(DOMTokenList.prototype, 'supports').mockReturnValue(true);
  Element.prototype.scrollIntoView = vi.fn();
  const preloaded: LoaderPage['preloaded'] = [];
  const network = answerPreloads(NativeObserver, preloaded, fails);
  localStorage.token = 'secret';
  await import('../loader/main');
  return {
    imported,
    preloaded,
    warn,
    observing,
    async close() {
      document.body.replaceChildren();
      await settled();
      network.disconnect();
      for (const observer of observing) observer.disconnect();
      Reflect.deleteProperty(window, '__maiUsageLoader');
      localStorage.clear();
      history.replaceState(null, '', '/');
      vi.unstubAllGlobals();
      vi.restoreAllMocks();
    },
  };
}

/** jsdom fetches no modules; this says of each that it came, or that it did not. */
function answerPreloads(
  Observer: typeof MutationObserver,
  preloaded: LoaderPage['preloaded'],
  fails: (href: string) => boolean,
): MutationObserver {
  const observer = new Observer((records) => {
    for (const node of records.flatMap(({ addedNodes }) => [...addedNodes])) {
      if (!(node instanceof HTMLLinkElement) || node.rel !== 'modulepreload') continue;
      const href = node.getAttribute('href') ?? '';
      preloaded.push({ href, integrity: node.integrity });
      node.dispatchEvent(new Event(fails(href) ? 'error' : 'load'));
    }
  });
  observer.observe(document.head, { childList: true });
  return observer;
}
