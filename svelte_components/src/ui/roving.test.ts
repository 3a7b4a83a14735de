// @vitest-environment node
import { expect, it } from 'vitest';
import { neighbour, stepped } from './roving';

it.each([
  ['ArrowRight', 0, 'ltr', 1],
  ['ArrowRight', 2, 'ltr', 0],
  ['ArrowLeft', 0, 'ltr', 2],
  ['ArrowRight', 0, 'rtl', 2],
  ['ArrowLeft', 0, 'rtl', 1],
  ['Home', 2, 'rtl', 0],
  ['End', 0, 'ltr', 2],
  ['Enter', 0, 'ltr', -1],
  ['ArrowDown', 0, 'ltr', -1],
] as const)('%s from %d of three (%s) leads to %d', (key, index, direction, to) => {
  expect(neighbour(key, index, 3, direction)).toBe(to);
});

it.each([
  ['ArrowDown', 2, 0],
  ['ArrowUp', 0, 2],
  ['End', 0, 2],
  ['ArrowRight', 0, -1],
] as const)('in a column %s from %d leads to %d', (key, index, to) => {
  expect(stepped(key, index, 3)).toBe(to);
});

it('leads nowhere in an empty row', () => {
  expect(neighbour('ArrowRight', 0, 0, 'ltr')).toBe(-1);
});
