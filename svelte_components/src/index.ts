import MyOrganizationUsage from './MyOrganizationUsage.svelte';

export const TAG = 'mai-organization-usage';

// Svelte hangs the element's class on the component, which its types do not tell.
const { element } = MyOrganizationUsage as unknown as { element: CustomElementConstructor };

// After an upgrade of the server, a page may load a second version of this module: the first stays.
if (!customElements.get(TAG)) customElements.define(TAG, element);
