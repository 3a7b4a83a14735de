/** A name inside a sentence: its own direction stays its own, as `<bdi>` does in markup. */
export function isolated(text: string): string {
  return `\u2068${text}\u2069`;
}
