import { adminEdition } from '../locale/admin';
import { localeOf, type Locale } from '../locale/locale';
import { tabEdition } from '../locale/tab';

/** English with every text there is; `tag` may be another language's, for its numbers and dates. */
export function english(tag = 'en-US'): Locale {
  return localeOf(tag, { ...adminEdition.english, ...tabEdition.english });
}
