import { expect, it } from 'vitest';
import { withVerifiedImports } from './verified-imports.ts';

it.each([
  "import('./pl-1.js')",
  'import("./pl-1.js")',
  'import(`./pl-1.js`)',
  'import( "./pl-1.js" )',
])('lets %s pass by whoever checks files', (code) => {
  expect(withVerifiedImports(`const load = () => ${code};`)).toBe(
    'const load = () => (globalThis.maiUsageImport ?? ((address) => import(address)))' +
      '(new URL("./pl-1.js", import.meta.url).href);',
  );
});

it.each([
  'import(address)',
  'import "./pl-1.js"',
  'important("./pl-1.js")',
  'import("https://x/y.js")',
])('leaves %s as it is', (code) => expect(withVerifiedImports(code)).toBe(code));
