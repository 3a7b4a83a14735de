// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { approximate, formatMoney, formatMoneyTick, NO_AMOUNT, plainDecimal } from './money';

describe('formatMoney', () => {
  it.each([
    ['0', '$0.00'],
    ['0.000', '$0.00'],
    ['-0.00', '$0.00'],
    ['1', '$1.00'],
    ['0.01', '$0.01'],
    ['0.10', '$0.10'],
    ['1234.5', '$1,234.50'],
    ['-12.345', '-$12.35'],
  ])('shows %s with two decimals from one cent on: %s', (amount, shown) => {
    expect(formatMoney(amount, 'en-US')).toBe(shown);
  });

  it.each([
    ['1.005', '$1.01'],
    ['8.345', '$8.35'],
    ['9007199254740993.55', '$9,007,199,254,740,993.55'],
    ['123456789012345678.129', '$123,456,789,012,345,678.13'],
  ])('does not round %s as a float would: %s', (amount, shown) => {
    expect(formatMoney(amount, 'en-US')).toBe(shown);
  });

  it.each([
    ['0.000123456', '$0.000123'],
    ['0.005', '$0.005000'],
    ['0.0099', '$0.009900'],
    ['0.00000042', '$0.00000042'],
    ['0.0000012', '$0.0000012'],
    ['0.000000000001', '$0.000000000001'],
    ['-0.0000004', '-$0.0000004'],
    ['4.2E-7', '$0.00000042'],
  ])('never shows the small amount %s as nothing: %s', (amount, shown) => {
    expect(formatMoney(amount, 'en-US')).toBe(shown);
  });

  it('follows the language, and groups where it would not by itself', () => {
    expect(formatMoney('1234.5', 'pl-PL').replace(/\s/g, ' ')).toBe('1 234,50 USD');
    expect(formatMoney('1234.5', 'de-DE').replace(/\s/g, ' ')).toBe('1.234,50 $');
  });

  it.each([
    [''],
    ['abc'],
    ['NaN'],
    ['Infinity'],
    ['1,5'],
    ['0x10'],
    ['1e9999'],
    [null],
    [undefined],
  ])('shows a dash for %j', (amount) => {
    expect(formatMoney(amount, 'en-US')).toBe(NO_AMOUNT);
  });

  it('does not take a number, whose digits are already lost', () => {
    expect(formatMoney(0.1, 'en-US')).toBe(NO_AMOUNT);
  });
});

describe('plainDecimal', () => {
  it.each([
    ['4.20E-7', '0.00000042'],
    ['1e2', '100'],
    ['12.50e1', '125'],
    ['0007.10', '7.1'],
    ['+3', '3'],
    ['-0', '0'],
    ['1E+2', '100'],
  ])('writes %s as %s', (text, plain) => {
    expect(plainDecimal(text)).toBe(plain);
  });
});

describe('formatMoneyTick', () => {
  it.each([
    [0, '$0'],
    [0.0000005, '$0.0000005'],
    [0.005, '$0.005'],
    [0.2, '$0.20'],
    [15, '$15'],
    [2000, '$2K'],
    [-0.5, '-$0.50'],
    [-2000, '-$2K'],
  ])('labels %d as %s', (value, label) => {
    expect(formatMoneyTick(value, 'en-US')).toBe(label);
  });
});

describe('approximate', () => {
  it('is a height: never negative, and nothing where there is no amount', () => {
    expect(approximate('0.25')).toBe(0.25);
    expect(approximate('-1')).toBe(0);
    expect(approximate('broken')).toBe(0);
  });
});
