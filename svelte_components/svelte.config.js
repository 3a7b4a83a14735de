const ELEMENTS = ['MyOrganizationUsage.svelte', 'UsageAdmin.svelte'];

/** @type {import('@sveltejs/vite-plugin-svelte').SvelteConfig} */
export default {
  compilerOptions: {
    // A stylesheet of the page does not reach into a shadow root: every part brings its own.
    css: 'injected',
    // The default hash contains the path of the checkout, and the build must not depend on it.
    cssHash: ({ hash, css }) => `mai-${hash(css)}`,
  },
  vitePlugin: {
    // Only the outermost components are custom elements; their parts stay ordinary components.
    dynamicCompileOptions: ({ filename }) =>
      ELEMENTS.some((name) => filename.endsWith(`/${name}`)) ? { customElement: true } : undefined,
  },
};
