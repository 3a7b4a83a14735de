// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { changeOf, differenceOf, partOf, percentOf, pricePerMillion, sumOf } from './arithmetic';

describe('sumOf', () => {
  it('adds up to the picodollar what floats cannot', () => {
    expect(sumOf(['0.1', '0.2'])).toBe('0.3');
    expect(sumOf(['9007199254740993', '0.000000000001'])).toBe('9007199254740993.000000000001');
    expect(sumOf(['1', '-2.5'])).toBe('-1.5');
    expect(sumOf([])).toBe('0');
  });
});

it('takes one from the other', () => {
  expect(differenceOf('5', '5.000000000001')).toBe('-0.000000000001');
});

describe('pricePerMillion', () => {
  it.each([
    ['0.000123456', 7072, '0.017457'],
    ['3', 1_000_000, '3'],
    ['0.000001', 3, '0.333333'],
    ['9000000', 1, '9000000000000'],
    ['0', 10, '0'],
  ])('of %s for %d is %s', (cost, tokens, price) => {
    expect(pricePerMillion(cost, tokens)).toBe(price);
  });

  it('has no price where nothing was used', () => {
    expect(pricePerMillion('1', 0)).toBeNull();
  });
});

it('rounds half to even, as the server does', () => {
  expect(partOf('0.000000000005', 2)).toBe('0.000000000002');
  expect(partOf('0.000000000007', 2)).toBe('0.000000000004');
  expect(partOf('-0.000000000007', 2)).toBe('-0.000000000004');
  expect(partOf('1', 0)).toBeNull();
});

it.each([
  ['1', '3', '33.33'],
  ['0', '3', '0'],
  ['3', '0', null],
  [1, 8, '12.5'],
])('%s of %s is %s per cent', (part, whole, percent) => {
  expect(percentOf(part, whole)).toBe(percent);
});

it('tells how much more there is', () => {
  expect(changeOf('3', '2')).toBe('50');
  expect(changeOf(1, 2)).toBe('-50');
  expect(changeOf('3', '0')).toBeNull();
});
