// @vitest-environment node
import { describe, expect, it } from 'vitest';
import type { MessageKey } from './keys';
import { localeOf, usableTag } from './locale';
import { isText } from './texts';

// A language of its own, so that the test does not hang on our wording.
const key = 'greeting' as MessageKey;
const calls = 'calls' as MessageKey;
const ENGLISH = {
  greeting: 'Hello {name}',
  calls: { one: '{count} call', other: '{count} calls' },
};
const POLISH = {
  calls: { one: '{count} wywołanie', few: '{count} wywołania', other: '{count} wywołań' },
};

describe('usableTag', () => {
  it.each([
    [null, 'en-US'],
    ['', 'en-US'],
    ['pl-PL', 'pl-PL'],
    ['pt_BR', 'pt-BR'],
    ['not a language', 'en-US'],
  ])('understands the stored language %j as %s', (stored, tag) => {
    expect(usableTag(stored)).toBe(tag);
  });
});

describe('localeOf', () => {
  it.each([
    [1, '1 wywołanie'],
    [3, '3 wywołania'],
    [12, '12 wywołań'],
    [1200, '1\u00a0200 wywołań'],
  ])('chooses the plural form of its language for %d', (count, said) => {
    expect(localeOf('pl-PL', ENGLISH, POLISH).t(calls, {}, count)).toBe(said);
  });

  it('says in English, by English’s rules, what a language lacks', () => {
    const locale = localeOf('pl-PL', ENGLISH, { greeting: 'Cześć, {name}' });
    expect(locale.t(key, { name: 'Ola' })).toBe('Cześć, Ola');
    expect(locale.t(calls, {}, 3)).toBe('3 calls');
  });

  it('leaves a placeholder that nobody fills, and puts in nothing twice', () => {
    const locale = localeOf('en-US', ENGLISH);
    expect(locale.t(key)).toBe('Hello {name}');
    expect(locale.t(key, { name: '{name}' })).toBe('Hello {name}');
  });

  it.each([
    ['pl-PL', 'ltr'],
    ['ar', 'rtl'],
    ['fa-IR', 'rtl'],
  ])('knows the direction of %s', (tag, direction) => {
    expect(localeOf(tag, ENGLISH).direction).toBe(direction);
  });

  it('keeps a value apart from a sentence that runs the other way', () => {
    expect(localeOf('ar', ENGLISH).t(key, { name: 'Ola' })).toBe('Hello \u2068Ola\u2069');
    expect(localeOf('ar', ENGLISH).t(calls, {}, 3)).toMatch(/^\u2068.\u2069 calls$/);
  });

  it('says amounts, rates and times of its language', () => {
    const locale = localeOf('pl-PL', ENGLISH);
    expect(locale.money('1234.5', 'PLN')).toBe('1\u00a0234,50\u00a0zł');
    expect(locale.percent('12.25')).toBe('12,3%');
    expect(locale.percent(null)).toBe('–');
    expect(locale.decimal('1.350000000001')).toBe('1,350000000001');
    expect(locale.duration(1_234)).toBe('1,2 sek.');
  });
});

it.each([
  ['a text', true],
  [{ other: 'x' }, true],
  [{ one: 'x' }, false],
  [{ one: 1, other: 'x' }, false],
  [7, false],
  [null, false],
])('%j is a text: %s', (value, expected) => {
  expect(isText(value)).toBe(expected);
});
