/** Readers of an answer's parts. Each throws a `TypeError` that names the field it could not read. */
import { plainDecimal } from '../format/money';

export type Fields = Record<string, unknown>;

export function record(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(name, 'object');
  return value as Fields;
}

export function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw wrong(name, 'text');
  return value;
}

export function optionalText(value: unknown, name: string): string | null {
  return value == null ? null : text(value, name);
}

/** A whole number. */
export function count(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value)) throw wrong(name, 'whole number');
  return value as number;
}

export function optionalCount(value: unknown, name: string): number | null {
  return value == null ? null : count(value, name);
}

/** A decimal string without exponent. */
export function amount(value: unknown, name: string): string {
  const plain = plainDecimal(value);
  if (plain === null) throw wrong(name, 'decimal text');
  return plain;
}

export function optionalAmount(value: unknown, name: string): string | null {
  return value == null ? null : amount(value, name);
}

export function flag(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw wrong(name, 'boolean');
  return value;
}

/** An RFC 3339 instant, in UTC milliseconds. */
export function instant(value: unknown, name: string): number {
  const parsed = Date.parse(text(value, name));
  if (Number.isNaN(parsed)) throw wrong(name, 'instant');
  return parsed;
}

export function optionalInstant(value: unknown, name: string): number | null {
  return value == null ? null : instant(value, name);
}

export function list<T>(value: unknown, name: string, read: (item: Fields) => T): T[] {
  if (!Array.isArray(value)) throw wrong(name, 'list');
  return value.map((item, index) => read(record(item, `${name}[${index}]`)));
}

export function texts(value: unknown, name: string): string[] {
  if (!Array.isArray(value)) throw wrong(name, 'list');
  return value.map((item, index) => text(item, `${name}[${index}]`));
}

export function oneOf<T extends string>(value: unknown, name: string, values: readonly T[]): T {
  if (!values.includes(value as T)) throw wrong(name, values.join(' or '));
  return value as T;
}

function wrong(name: string, what: string): TypeError {
  return new TypeError(`${name} is no ${what}`);
}
