/** What is added to the host's settings, and where. */
import { config } from './config';

export type Place = 'personal' | 'admin';

export interface Mount {
  module: 'organization-usage' | 'admin';
  place: Place;
  element: string;
  tabId: string;
  panelId: string;
  /** Its name in `?settings=` and, for an admin's page, at the end of `/admin/settings/`. */
  link: string;
  label: 'loader.tab' | 'loader.adminTab';
  keywords: 'loader.keywords' | 'loader.adminKeywords';
  /** The host's panels whose tabs ours stands behind, the best neighbour first. */
  neighbours: readonly string[];
  /** The path of a drawing of 24 by 24. */
  icon: string;
}

export const ADMIN_SEGMENT = 'organization-usage';

const ALL: readonly Mount[] = [
  {
    module: 'organization-usage',
    place: 'personal',
    element: 'mai-organization-usage',
    tabId: 'mai-usage-tab',
    panelId: 'tab-organization-usage',
    link: 'organization-usage',
    label: 'loader.tab',
    keywords: 'loader.keywords',
    neighbours: ['tab-usage', 'tab-data_controls', 'tab-data-controls', 'tab-chats'],
    icon: 'M4 20V10m5.3 10V4m5.4 16v-7M20 20V7',
  },
  {
    module: 'admin',
    place: 'admin',
    element: 'mai-usage-admin',
    tabId: 'mai-usage-admin-tab',
    panelId: 'tab-admin-organization-usage',
    link: `admin:${ADMIN_SEGMENT}`,
    label: 'loader.adminTab',
    keywords: 'loader.adminKeywords',
    neighbours: ['tab-admin-analytics', 'tab-admin-evaluations'],
    icon: 'M6 3h12v18l-3-2-3 2-3-2-3 2V3m3.5 5h5m-5 4h5',
  },
];

// A front end that was built with our tabs in it marks them: there is nothing left to add.
const BUILT_IN = 'data-mai-usage';
const builtIn = new Set<string>();

/** Notes which tabs the host brings itself; a search may hide them later, so it is kept. */
export function noteBuiltIn(container: Element): void {
  for (const { module, panelId, tabId } of ALL) {
    const marked = `[${BUILT_IN}="${module}"]`;
    const same = `[aria-controls="${panelId}"]:not(#${tabId})`;
    if (container.querySelector(`${marked}, ${same}`)) builtIn.add(module);
  }
}

/** What is still to be added. */
export function mounts(): Mount[] {
  return ALL.filter(({ module }) => config.modules[module] && !builtIn.has(module));
}

/** The mount that the page's address asks for, as the host's own deep links do. */
export function requestedMount(): Mount | undefined {
  const requested = new URLSearchParams(location.search).get('settings');
  return mounts().find(({ link }) => link === requested);
}
