// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { english } from '../testing/locale';
import { CLIENTS, COLUMNS } from './stories/tables';
import { matching, nextSort, shown, sorted } from './table';

const names = (rows: readonly { name: string }[]) => rows.map((row) => row.name);
const by = (column: string, descending: boolean, tag = 'pl') =>
  names(sorted(CLIENTS, COLUMNS, { column, descending }, tag));

describe('sorted', () => {
  it('puts amounts in order to the last digit, and rows without one last in both directions', () => {
    expect(by('spent', true)).toEqual(['Łódź Software', 'acme', 'Borealis', 'Zażółć']);
    expect(by('spent', false)).toEqual(['Borealis', 'acme', 'Łódź Software', 'Zażółć']);
  });

  it('puts names in order as the reader’s language does', () => {
    expect(by('name', false)).toEqual(['acme', 'Borealis', 'Łódź Software', 'Zażółć']);
  });

  it('leaves equal rows in their order, in both directions', () => {
    expect(by('requests', true).slice(0, 2)).toEqual(['Łódź Software', 'acme']);
    expect(by('requests', false).slice(2)).toEqual(['Łódź Software', 'acme']);
  });

  it('leaves rows as they came where nothing that is known sorts them', () => {
    expect(by('nothing', true)).toEqual(names(CLIENTS));
    expect(names(sorted(CLIENTS, COLUMNS, null, 'en'))).toEqual(names(CLIENTS));
  });
});

describe('matching', () => {
  it.each([
    ['lodz', ['Łódź Software']],
    ['ZAZOLC', ['Zażółć']],
    ['soft lódź', ['Łódź Software']],
    ['  ', names(CLIENTS)],
    ['nobody', []],
    ['.*', []],
  ])('finds %j', (search, found) => {
    expect(names(matching(CLIENTS, COLUMNS, search))).toEqual(found);
  });
});

it('sorts names from A on and amounts from the largest on, then turns round', () => {
  const name = { id: 'name' };
  const spent = { id: 'spent', kind: 'money' } as const;
  expect(nextSort(name, null)).toEqual({ column: 'name', descending: false });
  expect(nextSort(spent, { column: 'name', descending: false })).toEqual({
    column: 'spent',
    descending: true,
  });
  expect(nextSort(spent, { column: 'spent', descending: true }).descending).toBe(false);
});

it.each([
  ['money', '0.5', '$0.50'],
  ['percent', '12.5', '12.5%'],
  ['count', 1200, '1,200'],
  ['date', '2026-11-24', 'Tue, Nov 24, 2026'],
  ['text', 7n, '7'],
  ['money', null, '–'],
] as const)('says a cell of kind %s', (kind, value, said) => {
  const column = { id: 'x', label: 'X', kind, value: () => value };
  expect(shown(column, {}, english())).toBe(said);
});
