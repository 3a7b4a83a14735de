import type { Failure } from '../../client/http';
import type { Locale } from '../../locale/locale';
import { wordsOf } from '../../ui/failures';

/** A failure in a sentence for a toast: the server's own where it knows more than we do. */
export function failureText(failure: Failure, locale: Locale): string {
  const { title, text } = wordsOf(failure.kind);
  const said = failure.detail || locale.t(text, { status: String(failure.status) });
  return `${locale.t(title)}: ${said}`;
}
