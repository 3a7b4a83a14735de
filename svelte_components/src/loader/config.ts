/** What the server writes into the loader: which files there are, and what the tabs are called. */
import type { Assets } from '../assets/modules';

export interface Config extends Assets {
  /** By language tag; English is always there. */
  texts: Record<string, Record<string, string>>;
}

declare const __MAI_USAGE_CONFIG__: Config;

export const config: Config = __MAI_USAGE_CONFIG__;
