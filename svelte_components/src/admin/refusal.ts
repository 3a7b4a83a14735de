/** What the server would not do, in words and at the field it is about. */
import type { Failure } from '../client/http';
import type { Locale } from '../locale/locale';
import { wordsOf, WITH_DETAIL } from '../ui/failures';

/** One or two sentences, for a toast. */
export function saidOf(failure: Failure, locale: Locale): string {
  const title = locale.t(wordsOf(failure.kind).title);
  return failure.detail && WITH_DETAIL.has(failure.kind) ? `${title}: ${failure.detail}` : title;
}

/**
 * Complaints by the form's fields, and the failure itself where it says more than those. A complaint
 * about `emails[0]` is about `emails`.
 */
export function placed(
  failure: Failure,
  fields: readonly string[],
): { errors: Record<string, string>; rest: Failure | null } {
  const found = failure.fields.map(({ field, message }) => {
    const own = fields.find((name) => field === name || field.startsWith(`${name}[`));
    return { own, message };
  });
  const errors = found.flatMap(({ own, message }) => (own ? [[own, message] as const] : []));
  const isAll = errors.length > 0 && errors.length === found.length;
  return { errors: Object.fromEntries(errors), rest: isAll ? null : failure };
}
