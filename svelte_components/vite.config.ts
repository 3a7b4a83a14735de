import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { minify, type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/**
 * Writes what the server needs beside the modules: `loader.js`, a plain script into
 * which the server puts the module's address, and `manifest.json` (logical name → hashed file).
 */
function packageFiles(): Plugin {
  return {
    name: 'mai-usage-package-files',
    apply: 'build',
    async generateBundle(_options, bundle) {
      const entries = Object.values(bundle)
        .filter((file) => file.type === 'chunk' && file.isEntry)
        .map((file) => [file.name, file.fileName])
        .sort();
      const manifest = JSON.stringify(Object.fromEntries(entries), null, 2) + '\n';
      this.emitFile({ type: 'asset', fileName: 'manifest.json', source: manifest });
      const source = readFileSync(path('./src/loader/loader.js'), 'utf8');
      const loader = await minify('loader.js', source, { module: false });
      // The host's own loader stands before ours and may lack its last semicolon.
      this.emitFile({ type: 'asset', fileName: 'loader.js', source: `;${loader.code}\n` });
    },
  };
}

export default defineConfig({
  // Relative, because the server decides below which address the files are served.
  base: './',
  plugins: [svelte(), svelteTesting(), packageFiles()],
  build: {
    target: 'es2022',
    outDir: path('../mai_usage_ext/frontend'),
    // The folder holds built files only, so files with old hashes go away with each build.
    emptyOutDir: true,
    modulePreload: false,
    // The bundle carries code of others; their licences ask to be carried along.
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: { 'organization-usage': path('./src/index.ts') },
      output: {
        format: 'es',
        entryFileNames: '[name]-[hash].js',
        chunkFileNames: '[name]-[hash].js',
        assetFileNames: '[name]-[hash][extname]',
      },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['./vitest.setup.ts'],
    restoreMocks: true,
    unstubGlobals: true,
  },
});
