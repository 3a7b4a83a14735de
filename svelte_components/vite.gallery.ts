import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Every component in every state, as pages for pictures and tests; nothing of it is shipped. */
export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    target: 'es2022',
    outDir: path('../.gallery'),
    emptyOutDir: true,
    minify: false,
    rolldownOptions: { input: path('./gallery.html') },
  },
});
