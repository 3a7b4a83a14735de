// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { en } from './en';
import { localeOf } from './locale';

describe('localeOf', () => {
  it.each([
    [null, 'en-US'],
    ['', 'en-US'],
    ['pl-PL', 'pl-PL'],
    ['pt_BR', 'pt-BR'],
    ['not a language', 'en-US'],
  ])('understands the stored language %j as %s', (stored, tag) => {
    expect(localeOf(stored).tag).toBe(tag);
  });

  it('chooses the plural form and formats the count', () => {
    const { t } = localeOf('en-US');
    expect(t('requests', {}, 1)).toBe('1 request');
    expect(t('requests', {}, 1200)).toBe('1,200 requests');
    expect(t('pending', {}, 0)).toBe('0 calls are awaiting their final cost');
  });

  it('leaves no placeholder without a name behind', () => {
    const texts = Object.values(en).flatMap((text) =>
      typeof text === 'string' ? [text] : Object.values(text),
    );
    for (const text of texts) expect(text.replace(/\{\w+\}/g, '')).not.toMatch(/[{}]/);
  });
});
