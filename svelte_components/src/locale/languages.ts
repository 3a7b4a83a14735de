/**
 * Finds the texts for the reader's language: ours where we have them, else a file that the operator
 * dropped in, else English. A text that a language lacks is said in English.
 */
import { API } from '../client/http';
import { localeOf, type Locale, usableTag } from './locale';
import { isText, type Texts } from './texts';

/** The texts that one of the elements needs. */
export interface Edition {
  english: Texts;
  /** By language, without its region. */
  builtIn: Record<string, () => Promise<Texts>>;
}

/** At once where the language is English, so that the first picture has its words already. */
export function loadLocale(stored: string | null, edition: Edition): Locale | Promise<Locale> {
  const tag = usableTag(stored);
  const language = languageOf(tag);
  if (language === 'en') return localeOf(tag, edition.english);
  return textsOf(tag, language, edition).then(
    (texts) => localeOf(tag, edition.english, texts),
    () => localeOf(tag, edition.english),
  );
}

function textsOf(tag: string, language: string, edition: Edition): Promise<Texts> {
  const load = edition.builtIn[language];
  return load ? load() : droppedIn(tag);
}

async function droppedIn(tag: string): Promise<Texts> {
  const response = await fetch(`${API}/ui/locales/${encodeURIComponent(tag)}.json`);
  const body: unknown = response.ok ? await response.json() : {};
  const entries = Object.entries((body ?? {}) as Record<string, unknown>);
  return Object.fromEntries(
    entries.filter((entry): entry is [string, Texts[string]] => isText(entry[1])),
  );
}

function languageOf(tag: string): string {
  return tag.split('-')[0] ?? tag;
}
