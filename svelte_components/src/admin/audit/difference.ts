import type { Fields } from '../../client/read';

/** One field of a change. A side is null where the field was not there. */
export interface FieldChange {
  field: string;
  before: string | null;
  after: string | null;
}

const NOTHING = '–';

/**
 * What differs between two sides, field by field, in the order they came in. Of something new, the
 * fields that are empty say nothing.
 */
export function changesOf(before: Fields | null, after: Fields | null): FieldChange[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names
    .map((field) => ({ field, before: side(before, field), after: side(after, field) }))
    .filter((change) => change.before !== change.after)
    .filter((change) => before !== null || change.after !== NOTHING);
}

/** A value as one line of text: lists with commas, objects as their parts. */
export function shownValue(value: unknown): string {
  if (value === null || value === undefined || value === '') return NOTHING;
  if (Array.isArray(value)) return value.length > 0 ? value.map(shownValue).join(', ') : NOTHING;
  if (typeof value === 'object') return shownParts(value as Fields);
  return String(value);
}

/** "monthly_limit" → "Monthly limit": names of fields come from the server as it calls them. */
export function humanised(name: string): string {
  const words = name.replaceAll(/[._]/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function side(fields: Fields | null, name: string): string | null {
  return fields && name in fields ? shownValue(fields[name]) : null;
}

function shownParts(fields: Fields): string {
  const parts = Object.entries(fields).map(([name, value]) => `${name}: ${shownValue(value)}`);
  return parts.length > 0 ? parts.join(' · ') : NOTHING;
}
