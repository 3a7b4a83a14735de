import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { moduleLoader } from './modules';

// A module that a test can import by an address: what it says is in the address itself.
const says = (word: string) => `text/javascript,export const word = ${JSON.stringify(word)}`;
const BASE = 'data:';
const entry = says('entry');
const part = says('part');
const MODULES = {
  tab: [
    [entry, 'sha384-entry'],
    [part, 'sha384-part'],
  ],
} as const;

let links: HTMLLinkElement[];
let answer: (link: HTMLLinkElement) => string;

beforeEach(() => {
  links = [];
  answer = () => 'load';
  // jsdom knows no preloading.
  Object.defineProperty(HTMLLinkElement.prototype, 'relList', {
    configurable: true,
    get: () => ({ supports: (rel: string) => rel === 'modulepreload' }),
  });
  vi.spyOn(document.head, 'append').mockImplementation((...nodes) => {
    for (const node of nodes) {
      const link = node as HTMLLinkElement;
      links.push(link);
      queueMicrotask(() => link.dispatchEvent(new Event(answer(link))));
    }
  });
});

afterEach(() => {
  Reflect.deleteProperty(HTMLLinkElement.prototype, 'relList');
  globalThis.maiUsageImport = undefined;
});

it('fetches every file ahead with its hash, then runs the first', async () => {
  const load = moduleLoader({ base: BASE, modules: MODULES });
  await expect(load('tab')).resolves.toMatchObject({ word: 'entry' });
  expect(links.map((link) => [link.rel, link.integrity])).toEqual([
    ['modulepreload', 'sha384-entry'],
    ['modulepreload', 'sha384-part'],
  ]);
  expect(links.every((link) => link.crossOrigin === 'anonymous')).toBe(true);
});

it('loads a module once', async () => {
  const load = moduleLoader({ base: BASE, modules: MODULES });
  expect(load('tab')).toBe(load('tab'));
  await load('tab');
  expect(links).toHaveLength(2);
});

it('runs nothing when one file is not what was built, and tries again when asked again', async () => {
  const load = moduleLoader({ base: BASE, modules: MODULES });
  answer = (link) => (link.integrity === 'sha384-part' ? 'error' : 'load');
  await expect(load('tab')).rejects.toThrow('not what was built');
  answer = () => 'load';
  await expect(load('tab')).resolves.toMatchObject({ word: 'entry' });
});

it('says so where the server names no such module', async () => {
  await expect(moduleLoader({ base: BASE, modules: {} })('tab')).rejects.toThrow('no such module');
});

it('checks what the built files load later, as far as the server knows it', async () => {
  const later = `text/javascript,export const word = "later"//x.js`;
  const modules = { 'x.js': [[later, 'sha384-later']] } as const;
  moduleLoader({ base: BASE, modules });
  await expect(globalThis.maiUsageImport?.(`https://cdn/x.js`)).resolves.toMatchObject({
    word: 'later',
  });
  expect(links.map((link) => link.integrity)).toEqual(['sha384-later']);

  await globalThis.maiUsageImport?.(`data:${says('of another build')}`);
  expect(links).toHaveLength(1);
});

it('checks by fetching in a browser that cannot preload', async () => {
  Object.defineProperty(HTMLLinkElement.prototype, 'relList', {
    configurable: true,
    get: () => ({ supports: () => false }),
  });
  const fetched = vi
    .fn()
    .mockResolvedValueOnce(new Response(''))
    .mockRejectedValue(new TypeError());
  vi.stubGlobal('fetch', fetched);
  await expect(moduleLoader({ base: BASE, modules: MODULES })('tab')).rejects.toThrow(TypeError);
  expect(fetched.mock.calls.map(([, init]) => (init as RequestInit).integrity)).toEqual([
    'sha384-entry',
    'sha384-part',
  ]);
});
