/** What the server writes into the page, as data, because a page of ours runs no inline script. */
import type { Assets } from '../assets/modules';

export const CONFIG_ID = 'mai-usage-config';

export function readConfig(): Assets {
  const written = document.getElementById(CONFIG_ID)?.textContent ?? '';
  return JSON.parse(written) as Assets;
}
