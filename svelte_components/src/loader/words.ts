/** The texts of the loader in the reader's language, as far as there are any, else in English. */
import { config } from './config';
import type { Mount } from './mounts';

export interface Words {
  label: string;
  failed: string;
  /** What a search finds it by. */
  haystack: string;
}

export function wordsOf(mount: Mount): Words {
  const own = textsOf(language());
  const english = textsOf('en');
  const say = (key: string) => own[key] ?? english[key] ?? '';
  const searched = [own, english].flatMap((texts) => [texts[mount.label], texts[mount.keywords]]);
  return {
    label: say(mount.label),
    failed: say('loader.failed'),
    haystack: folded(searched.join(' ')),
  };
}

/** Whether each word of the search stands somewhere in the haystack; an empty one finds all. */
export function finds(search: string, haystack: string): boolean {
  return (folded(search).match(/\S+/g) ?? []).every((word) => haystack.includes(word));
}

/** The host's search does not ask for accents or capitals either. */
function folded(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

function textsOf(tag: string): Record<string, string> {
  return config.texts[tag] ?? config.texts[tag.split('-')[0] ?? ''] ?? {};
}

function language(): string {
  try {
    return localStorage.getItem('locale') || 'en';
  } catch {
    return 'en';
  }
}
