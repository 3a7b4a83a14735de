// @vitest-environment node
import { expect, it } from 'vitest';
import { formatCount, formatCountTick } from './count';

it('groups fully, also four digits in languages that start at five', () => {
  expect(formatCount(1234567, 'en-US')).toBe('1,234,567');
  expect(formatCount(7200, 'pl-PL').replace(/\s/g, ' ')).toBe('7 200');
});

it('is compact on an axis', () => {
  expect(formatCountTick(7200, 'en-US')).toBe('7.2K');
  expect(formatCountTick(2_000_000, 'en-US')).toBe('2M');
});
