import page from '../locale/en/page.json';
import type { Edition } from '../locale/languages';
import polish from '../locale/pl/page.json';

/** The few texts of the page itself, which comes in one file with all of its languages. */
export const pageEdition: Edition = {
  english: page,
  builtIn: { pl: () => Promise.resolve(polish) },
};
