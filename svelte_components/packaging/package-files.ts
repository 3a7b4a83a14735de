/**
 * Writes what the server needs beside the modules: `loader.js`, a plain script into which the server
 * puts its configuration; `manifest.json`, which says what belongs together and what each file must
 * hash to; and `texts.en.json`, from which a translator starts.
 */
import { createHash, type BinaryToTextEncoding } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin, Rolldown } from 'vite';
import { standalone } from './standalone.ts';

const PLACEHOLDER = '__MAI_USAGE_CONFIG__';
const BUILT_IN = ['en', 'pl'];

type Chunks = Map<string, Rolldown.OutputChunk>;
type Texts = Record<string, unknown>;

interface Closure {
  file: string;
  /** Every file it imports at once, and what those import. */
  imports: string[];
}

export function packageFiles(source: string): Plugin {
  return {
    name: 'mai-usage-package-files',
    apply: 'build',
    generateBundle: {
      // After everybody who may still change a file: the hashes are those of what is written.
      order: 'post',
      async handler(_options, bundle) {
        const emit = (fileName: string, text: string) =>
          this.emitFile({ type: 'asset', fileName, source: text });
        const page = await standalone(join(source, 'page.ts'), 'es');
        const pageFile = `page-${hashOf(page, 'sha256', 'base64url').slice(0, 8)}.js`;
        emit('loader.js', await loaderOf(source));
        emit(pageFile, page);
        emit('manifest.json', asJson(manifestOf(bundle, source, [pageFile, page])));
        emit('texts.en.json', asJson(textsOf(source, 'en')));
      },
    },
  };
}

function manifestOf(bundle: Rolldown.OutputBundle, source: string, page: [string, string]) {
  const chunks: Chunks = new Map();
  for (const file of Object.values(bundle)) {
    if (file.type === 'chunk') chunks.set(file.fileName, file);
  }
  const all = [...chunks.values()];
  const labels = BUILT_IN.map((language) => [language, loaderTexts(textsOf(source, language))]);
  return {
    entries: {
      ...closures(
        all.filter(({ isEntry }) => isEntry),
        ({ name }) => name,
        chunks,
      ),
      page: { file: page[0], imports: [] },
    },
    lazy: closures(
      all.filter(({ isEntry, isDynamicEntry }) => isDynamicEntry && !isEntry),
      ({ fileName }) => fileName,
      chunks,
    ),
    files: sorted([
      ...all.map(({ fileName, code }): [string, string] => [fileName, integrityOf(code)]),
      [page[0], integrityOf(page[1])],
    ]),
    texts: Object.fromEntries(labels),
  };
}

function closures(
  roots: Rolldown.OutputChunk[],
  nameOf: (chunk: Rolldown.OutputChunk) => string,
  chunks: Chunks,
): Record<string, Closure> {
  return sorted(
    roots.map((root) => {
      const imports = new Set<string>();
      collect(root, chunks, imports);
      imports.delete(root.fileName);
      return [nameOf(root), { file: root.fileName, imports: [...imports].sort() }];
    }),
  );
}

function collect(chunk: Rolldown.OutputChunk, chunks: Chunks, found: Set<string>): void {
  for (const name of chunk.imports) {
    const next = chunks.get(name);
    if (!next || found.has(name)) continue;
    found.add(name);
    collect(next, chunks, found);
  }
}

function integrityOf(code: string): string {
  return `sha384-${hashOf(code, 'sha384', 'base64')}`;
}

function hashOf(code: string, algorithm: string, encoding: BinaryToTextEncoding): string {
  return createHash(algorithm).update(code).digest(encoding);
}

function sorted<T>(entries: [string, T][]): Record<string, T> {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** All texts of a language. */
function textsOf(source: string, language: string): Texts {
  const folder = join(source, 'locale', language);
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Texts;
  return Object.assign({}, ...files.sort().map(read)) as Texts;
}

/** What the loader calls its tabs; everything else is said by the modules themselves. */
function loaderTexts(texts: Texts): Texts {
  return Object.fromEntries(Object.entries(texts).filter(([key]) => key.startsWith('loader.')));
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The loader is a plain script: the host puts it on each of its pages. */
async function loaderOf(source: string): Promise<string> {
  const code = await standalone(join(source, 'loader', 'main.ts'), 'iife');
  if (code.split(PLACEHOLDER).length !== 2) {
    throw new Error(`the loader must hold ${PLACEHOLDER} exactly once`);
  }
  // The host's own loader stands before ours and may lack its last semicolon.
  return `;${code}`;
}
