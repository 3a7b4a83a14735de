// @vitest-environment node
import { expect, it } from 'vitest';
import { SLUG, slugOf } from './slug';

it.each([
  ['Acme', 'acme'],
  ['Łódź & Syn S.A.', 'lodz-syn-s-a'],
  ['Größe', 'grosse'],
  ['--Ça va?--', 'ca-va'],
  [`${'a'.repeat(59)} b`, 'a'.repeat(59)],
])('makes %j %s', (name, slug) => {
  expect(slugOf(name)).toBe(slug);
  expect(slug).toMatch(SLUG);
});

it('suggests nothing where no letter can be kept', () => {
  expect(slugOf('株式会社')).toBe('');
});
