// @vitest-environment node
import { expect, it } from 'vitest';
import { tabSeparated } from './table';

it('gives spreadsheets a table', () => {
  const table = { caption: '', columns: ['Day', 'Cost'], rows: [['Nov 24', '$1.20']] };
  expect(tabSeparated(table)).toBe('Day\tCost\nNov 24\t$1.20');
});

it.each([
  ['=1+1', "'=1+1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['-cmd|calc', "'-cmd|calc"],
  ['-1.20', '-1.20'],
  ['two\tcells\nor rows', 'two cells or rows'],
])('makes no formula and no other cells of %j', (given, cell) => {
  expect(tabSeparated({ caption: '', columns: [], rows: [[given]] })).toBe(`\n${cell}`);
});
