// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { decimalFrom, entryOf } from './entry';

describe('decimalFrom', () => {
  it.each([
    ['1 234,50', 'pl-PL', '1234.5'],
    ['1\u00a0234,50', 'pl-PL', '1234.5'],
    ['1\u202f234,50', 'fr-FR', '1234.5'],
    ['1.234,50', 'de-DE', '1234.5'],
    ['1,234.50', 'en-US', '1234.5'],
    ['1,234.50', 'pl-PL', '1234.5'],
    ['1,234', 'en-US', '1234'],
    ['1,234', 'pl-PL', '1.234'],
    ['1.234', 'pl-PL', '1.234'],
    ['1.234', 'de-DE', '1234'],
    ['12.5', 'de-DE', '12.5'],
    ['12,5', 'en-US', '12.5'],
    ['1,234,567', 'en-US', '1234567'],
    ['1’234.5', 'de-CH', '1234.5'],
    ['$ 20', 'en-US', '20'],
    ['20 USD', 'pl-PL', '20'],
    [' 0.000000000001 ', 'en-US', '0.000000000001'],
    ['.5', 'en-US', '0.5'],
    ['007', 'en-US', '7'],
    ['١٢٫٥', 'ar-EG', '12.5'],
    ['9000000.123456789012', 'en-US', '9000000.123456789012'],
  ])('reads %j in %s as %s', (typed, tag, decimal) => {
    expect(decimalFrom(typed, tag)).toBe(decimal);
  });

  it.each(['', ' ', 'ten', '-5', '1e3', '1,23,4', '1.2.3', '1,2.3,4', '12,34.5', '5.', '20 PLN'])(
    'does not guess what %j is',
    (typed) => {
      expect(decimalFrom(typed, 'en-US')).toBeNull();
    },
  );
});

it.each([
  ['1234.50', 'pl-PL', '1234,5'],
  ['1234.50', 'en-US', '1234.5'],
  [null, 'en-US', ''],
])('writes %j in %s as %j, which reads as itself', (decimal, tag, typed) => {
  expect(entryOf(decimal, tag)).toBe(typed);
  if (decimal) expect(decimalFrom(typed, tag)).toBe('1234.5');
});
