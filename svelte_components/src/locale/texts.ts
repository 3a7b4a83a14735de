/** What a text is, and how one is chosen and filled in. */

/** One form for each plural category of the language that needs its own. */
export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };
export type Text = string | Plural;
export type Texts = Record<string, Text>;

/** Some of our texts come from a file of the operator's, and some of its entries may be no texts. */
export function isText(value: unknown): value is Text {
  if (typeof value === 'string') return true;
  if (typeof value !== 'object' || value === null) return false;
  const forms = Object.values(value);
  return 'other' in value && forms.every((form) => typeof form === 'string');
}

/** Replaces `{name}` by a value that is already formatted; an unknown name stays as it is. */
export function filled(
  text: Text,
  values: Record<string, string>,
  category: Intl.LDMLPluralRule,
): string {
  const form = typeof text === 'string' ? text : (text[category] ?? text.other);
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
