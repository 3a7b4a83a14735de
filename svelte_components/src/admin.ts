import UsageAdmin from './UsageAdmin.svelte';

export const ADMIN_TAG = 'mai-usage-admin';

// Svelte hangs the element's class on the component, which its types do not tell.
const { element } = UsageAdmin as unknown as { element: CustomElementConstructor };

// After an upgrade of the server, a page may load a second version of this module: the first stays.
if (!customElements.get(ADMIN_TAG)) customElements.define(ADMIN_TAG, element);
