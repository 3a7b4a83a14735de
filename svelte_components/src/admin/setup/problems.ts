import type { Failure } from '../../client/http';

/** What the server found wrong, by the field's name. */
export function problemsOf(failure: Failure | null): Record<string, string> {
  return Object.fromEntries(failure?.fields.map(({ field, message }) => [field, message]) ?? []);
}
