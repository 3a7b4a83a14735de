// @vitest-environment node
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isText, type Text, type Texts } from './texts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SOURCES = join(HERE, '..');
const AREAS = readdirSync(join(HERE, 'en'))
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.replace('.json', ''));

const read = (language: string, area: string): Texts =>
  JSON.parse(readFileSync(join(HERE, language, `${area}.json`), 'utf8'));

const formsOf = (text: Text): string[] => (typeof text === 'string' ? [text] : Object.values(text));

const placeholdersOf = (text: Text) =>
  [...new Set(formsOf(text).flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort();

const categoriesOf = (language: string) =>
  new Intl.PluralRules(language).resolvedOptions().pluralCategories;

function sourceText(): string {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => /\.(ts|js|svelte)$/.test(name) && !/\.test\.ts$|stories\.ts$/.test(name))
    .map((name) => readFileSync(join(SOURCES, name), 'utf8'))
    .join('\n');
}

describe.each(AREAS)('the texts of %s', (area) => {
  const english = read('en', area);
  const polish = read('pl', area);

  it('are the same in both languages', () => {
    expect(Object.keys(polish).sort()).toEqual(Object.keys(english).sort());
  });

  it('begin with the name of their area, and are texts', () => {
    for (const [key, text] of [...Object.entries(english), ...Object.entries(polish)]) {
      expect(key).toMatch(new RegExp(`^${area}\\.[a-zA-Z0-9.-]+$`));
      expect(isText(text), key).toBe(true);
      for (const form of formsOf(text)) expect(form.trim(), key).not.toBe('');
    }
  });

  it.each(Object.keys(english))('%s has the same placeholders in both', (key) => {
    const [one, other] = [english[key] ?? '', polish[key] ?? ''];
    expect(placeholdersOf(other)).toEqual(placeholdersOf(one));
    for (const form of [...formsOf(one), ...formsOf(other)]) {
      expect(form.replace(/\{\w+\}/g, '')).not.toMatch(/[{}]/);
    }
  });

  it('have every plural form of their language', () => {
    for (const [language, texts] of [
      ['en', english],
      ['pl', polish],
    ] as const) {
      const plurals = Object.entries(texts).filter(([, text]) => typeof text !== 'string');
      for (const [key, forms] of plurals) {
        expect(Object.keys(forms).sort(), key).toEqual([...categoriesOf(language)].sort());
      }
    }
  });
});

it('is all used', () => {
  const source = sourceText();
  // The loader's texts are put into it by the server.
  const keys = AREAS.filter((area) => area !== 'loader').flatMap((area) =>
    Object.keys(read('en', area)),
  );
  expect(keys.filter((key) => !source.includes(`'${key}'`))).toEqual([]);
});

it('says nothing twice that is said by another key of the same area', () => {
  for (const area of AREAS) {
    const texts = Object.values(read('en', area)).filter((text) => typeof text === 'string');
    const long = texts.filter((text) => (text as string).length > 40);
    expect(new Set(long).size, area).toBe(long.length);
  }
});
