import charts from './en/charts.json';
import ui from './en/ui.json';
import usage from './en/usage.json';
import type { Edition } from './languages';

/** The texts of the tab in the user's settings. */
export const tabEdition: Edition = {
  english: { ...ui, ...charts, ...usage },
  builtIn: { pl: async () => (await import('./pl/tab')).default },
};
