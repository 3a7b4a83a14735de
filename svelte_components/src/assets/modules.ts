/**
 * Loads built modules. Each file is fetched ahead with the hash the server told of it, so all of
 * them travel at once, and a file that is not what was built is never run, whoever serves it.
 */

/** A file's name below `base`, and what its content must hash to. */
export type BuiltFile = readonly [name: string, integrity: string];

export interface Assets {
  /** The address of the files, with a slash at its end. */
  base: string;
  /** All files that a module needs, its own first. Files loaded later stand by their own names. */
  modules: Readonly<Record<string, readonly BuiltFile[] | undefined>>;
}

export type LoadModule = (name: string) => Promise<unknown>;

declare global {
  /** What the built files call to load a file later, in place of a bare `import()`. */
  var maiUsageImport: ((address: string) => Promise<unknown>) | undefined;
}

/** Each module is loaded once for a page; what failed is tried again the next time. */
export function moduleLoader({ base, modules }: Assets): LoadModule {
  const loading = new Map<string, Promise<unknown>>();

  async function fetchModule(files: readonly BuiltFile[]): Promise<unknown> {
    const [entry] = files;
    if (!entry) throw new Error('the server names no such module');
    const verify = canPreload() ? preload : fetchAhead;
    await Promise.all(files.map(([name, integrity]) => verify(`${base}${name}`, integrity)));
    return run(`${base}${entry[0]}`);
  }

  function load(name: string): Promise<unknown> {
    let promise = loading.get(name);
    if (!promise) {
      promise = fetchModule(modules[name] ?? []);
      promise.catch(() => loading.delete(name));
      loading.set(name, promise);
    }
    return promise;
  }

  // After an upgrade of the server, files of another build may ask for theirs, unknown here.
  globalThis.maiUsageImport = (address) => {
    const name = address.slice(address.lastIndexOf('/') + 1);
    return modules[name] ? load(name) : run(address);
  };
  return load;
}

function run(address: string): Promise<unknown> {
  return import(/* @vite-ignore */ address);
}

function canPreload(): boolean {
  return document.createElement('link').relList.supports('modulepreload');
}

/** What a page has preloaded is what it imports: the same entry in its table of modules. */
function preload(address: string, integrity: string): Promise<void> {
  const link = document.createElement('link');
  link.rel = 'modulepreload';
  link.href = address;
  link.integrity = integrity;
  link.crossOrigin = 'anonymous';
  const done = new Promise<void>((resolve, reject) => {
    link.onload = () => resolve();
    link.onerror = () => reject(notBuilt(address));
  });
  document.head.append(link);
  return done.finally(() => link.remove());
}

/** For browsers that know no preloading: the import then finds the file in the cache. */
async function fetchAhead(address: string, integrity: string): Promise<void> {
  const response = await fetch(address, { integrity, mode: 'cors', credentials: 'omit' });
  if (!response.ok) throw notBuilt(address);
  await response.arrayBuffer();
}

function notBuilt(address: string): Error {
  return new Error(`${address} is missing or not what was built`);
}
