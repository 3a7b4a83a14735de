/** Lists come in pages; `total` says how many there are in all. */
import { count, list, record, type Fields } from './read';

export interface Page<T> {
  items: T[];
  total: number;
}

/** Reads a page whose list has the name `name`. */
export function pageOf<T>(body: unknown, name: string, read: (item: Fields) => T): Page<T> {
  const page = record(body, 'body');
  return { items: list(page[name], name, read), total: count(page.total, 'total') };
}
