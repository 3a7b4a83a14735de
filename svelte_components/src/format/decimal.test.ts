// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { compareDecimals, shareOf } from './decimal';

describe('compareDecimals', () => {
  it.each([
    ['1234567.000000000001', '1234567.000000000002', -1],
    ['9007199254740993', '9007199254740992', 1],
    ['10', '9.99', 1],
    ['-10', '-9', -1],
    ['-0.5', '0.25', -1],
    ['-1.5', '-1.25', -1],
    ['1.50', '1.5', 0],
    ['-0', '0', 0],
    ['1e-7', '0.0000001', 0],
    ['nothing', '0', -1],
    ['nothing', 'no more', 0],
  ])('puts %s against %s: %d', (one, other, order) => {
    expect(compareDecimals(one, other)).toBe(order);
    expect(compareDecimals(other, one)).toBe(order === 0 ? 0 : -order);
  });
});

describe('shareOf', () => {
  it.each([
    ['1', '4', 0.25],
    ['1310', '1000', 1.31],
    ['0', '0.01', 0],
    ['1', '0', null],
    ['1', '-4', null],
    [null, '4', null],
    ['1', null, null],
  ])('of %s in %s is %s', (part, whole, share) => {
    expect(shareOf(part, whole)).toBe(share);
  });
});
