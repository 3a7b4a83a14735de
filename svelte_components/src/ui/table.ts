/** What a table's columns are, and how its rows are put in order and looked through. */
import type { Snippet } from 'svelte';
import { compareDecimals } from '../format/decimal';
import { NO_AMOUNT } from '../format/money';
import type { Locale } from '../locale/locale';

export type Cell = string | number | bigint | null;

export interface Column<Row> {
  id: string;
  label: string;
  /** What the rows are sorted by, and shown where there is neither `cell` nor `text`. */
  value: (row: Row) => Cell;
  cell?: Snippet<[Row]>;
  text?: (row: Row) => string;
  align?: 'start' | 'end';
  sortable?: boolean;
  /** `money` and `percent` are decimal strings, `date` is `YYYY-MM-DD` or UTC milliseconds. */
  kind?: 'text' | 'count' | 'money' | 'percent' | 'date';
  /** 3 is left out on phones: the row's details have it. */
  priority?: 1 | 2 | 3;
  /** Stands in the last row, already formatted. */
  total?: string;
}

export interface Sort {
  column: string;
  descending: boolean;
}

/** Numbers stand under each other, digit under digit. */
export function isAtEnd({ align, kind }: Pick<Column<unknown>, 'align' | 'kind'>): boolean {
  return align ? align === 'end' : kind === 'count' || kind === 'money' || kind === 'percent';
}

/** The rows in the order of a column; equal rows keep their order, rows without a value come last. */
export function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: Sort | null | undefined,
  languageTag: string,
): Row[] {
  const column = columns.find((each) => each.id === sort?.column);
  if (!column || !sort) return [...rows];
  const compare = comparison(column.kind, languageTag);
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((left, right) => {
    const [one, other] = [column.value(left), column.value(right)];
    if (one === null || other === null) return Number(one === null) - Number(other === null);
    return sign * compare(one, other);
  });
}

type Compare = (one: NonNullable<Cell>, other: NonNullable<Cell>) => number;

function comparison(kind: Column<unknown>['kind'], languageTag: string): Compare {
  if (kind === 'money' || kind === 'percent') {
    return (one, other) => compareDecimals(String(one), String(other));
  }
  const collator = new Intl.Collator(languageTag, { numeric: true, sensitivity: 'base' });
  return (one, other) => {
    if (typeof one === 'string' || typeof other === 'string') {
      return collator.compare(String(one), String(other));
    }
    return one < other ? -1 : Number(one > other);
  };
}

/** The rows of which some column holds every word that is looked for. */
export function matching<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  search: string,
): Row[] {
  const words = folded(search).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...rows];
  return rows.filter((row) => {
    const held = folded(columns.map((column) => textOf(column, row)).join('\n'));
    return words.every((word) => held.includes(word));
  });
}

/** Names are looked at from A on, amounts and days from the largest on. */
export function firstSort(column: Pick<Column<unknown>, 'id' | 'kind'>): Sort {
  return { column: column.id, descending: (column.kind ?? 'text') !== 'text' };
}

export function nextSort(
  column: Pick<Column<unknown>, 'id' | 'kind'>,
  sort: Sort | null | undefined,
): Sort {
  if (sort?.column !== column.id) return firstSort(column);
  return { column: column.id, descending: !sort.descending };
}

/** What a cell says that has no drawing of its own. */
export function shown<Row>(column: Column<Row>, row: Row, locale: Locale): string {
  if (column.text) return column.text(row);
  const value = column.value(row);
  if (value === null) return NO_AMOUNT;
  if (column.kind === 'money') return locale.money(String(value));
  if (column.kind === 'percent') return locale.percent(String(value));
  if (column.kind === 'count') return locale.count(Number(value));
  if (column.kind !== 'date') return String(value);
  return typeof value === 'number' ? locale.instant(value) : locale.day(String(value), 'long');
}

function textOf<Row>(column: Column<Row>, row: Row): string {
  return column.text ? column.text(row) : String(column.value(row) ?? '');
}

/** Without case and accents, so that "lodz" finds "Łódź". */
function folded(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{Mn}/gu, '');
  return plain.toLowerCase().replaceAll('ł', 'l');
}
