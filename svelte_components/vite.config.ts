import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';
import { packageFiles } from './packaging/package-files.ts';
import { verifiedImports } from './packaging/verified-imports.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  // Relative, because the server decides below which address the files are served.
  base: './',
  plugins: [svelte(), svelteTesting(), verifiedImports(), packageFiles(path('./src'))],
  build: {
    target: 'es2022',
    outDir: path('../mai_usage_ext/frontend'),
    // The folder holds built files only, so files with old hashes go away with each build.
    emptyOutDir: true,
    // Ours preloads with integrity, in src/assets/modules.ts.
    modulePreload: false,
    // The bundle carries code of others; their licences ask to be carried along.
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: {
        'organization-usage': path('./src/index.ts'),
        admin: path('./src/admin.ts'),
      },
      output: {
        format: 'es',
        entryFileNames: '[name]-[hash].js',
        chunkFileNames: ({ isDynamicEntry }) =>
          isDynamicEntry ? '[name]-[hash].js' : 'shared-[hash].js',
        assetFileNames: '[name]-[hash][extname]',
      },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts', 'packaging/**/*.test.ts'],
    setupFiles: ['./vitest.setup.ts'],
    restoreMocks: true,
    unstubGlobals: true,
  },
});
