import type { Plugin } from 'vite';

// As the bundler writes the import of one of its own files, whose name it has yet to fill in.
const LATER = /\bimport\(\s*(["'`])\.\/([^"'`]+)\1\s*\)/g;

// Vite wraps such imports to preload what they need, and tells the page when that fails; the host's
// page is built with Vite too and would take the trouble for its own.
const WRAPPER = '\0vite/preload-helper.js';
const UNWRAPPED = 'export const __vitePreload = (load) => load();';

/**
 * Lets built files load others through `maiUsageImport`, which knows what each must hash to. Where
 * nobody has set it, the element was imported by a page of its own making, and imports are bare.
 */
export function verifiedImports(): Plugin {
  return {
    name: 'mai-usage-verified-imports',
    apply: 'build',
    enforce: 'pre',
    load: (id) => (id === WRAPPER ? UNWRAPPED : null),
    renderChunk: (code) => ({ code: withVerifiedImports(code), map: null }),
  };
}

export function withVerifiedImports(code: string): string {
  return code.replace(
    LATER,
    (_whole, _quote, file: string) =>
      `(globalThis.maiUsageImport ?? ((address) => import(address)))` +
      `(new URL("./${file}", import.meta.url).href)`,
  );
}
