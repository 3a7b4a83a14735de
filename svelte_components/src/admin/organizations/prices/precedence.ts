/**
 * Which price a model has: the same order as the server's, so that the list can say which rule wins
 * before a call is made.
 */
import type { PriceRule } from '../../../client/prices';

/** A rule of the organization beats everybody's; then the longer pattern; then the later date. */
export function winnerOf(rules: readonly PriceRule[], model: string, at: number): PriceRule | null {
  const fitting = rules.filter((rule) => rule.from <= at && fits(rule.pattern, model));
  return fitting.reduce<PriceRule | null>(
    (best, rule) => (best === null || beats(rule, best) ? rule : best),
    null,
  );
}

export type Standing = 'in-force' | 'planned' | 'replaced' | 'put-aside';

/**
 * `replaced` by a later rule of the same pattern and owner; `put-aside` when the organization's
 * rule for every model goes before it.
 */
export function standingOf(rule: PriceRule, rules: readonly PriceRule[], now: number): Standing {
  if (rule.from > now) return 'planned';
  const others = rules.filter((other) => other.id !== rule.id && other.from <= now);
  const isReplaced = others.some(
    (other) => other.client === rule.client && other.pattern === rule.pattern && beats(other, rule),
  );
  if (isReplaced) return 'replaced';
  const hasOwn = others.some((other) => other.client !== null && other.pattern === null);
  const samePattern = others.some(
    (other) => other.client !== null && other.pattern === rule.pattern,
  );
  return rule.client === null && (hasOwn || samePattern) ? 'put-aside' : 'in-force';
}

/** Whether a pattern, in which `*` stands for anything, is the whole of a model's name. */
export function fits(pattern: string | null, model: string): boolean {
  if (pattern === null) return true;
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return model === first;
  if (first.length + last.length > model.length) return false;
  if (!model.startsWith(first) || !model.endsWith(last)) return false;
  const end = model.length - last.length;
  let begin = first.length;
  for (const piece of rest) {
    const found = model.indexOf(piece, begin);
    if (found < 0 || found + piece.length > end) return false;
    begin = found + piece.length;
  }
  return true;
}

function beats(one: PriceRule, other: PriceRule): boolean {
  const [left, right] = [specificity(one), specificity(other)];
  const place = left.findIndex((value, index) => value !== right[index]);
  return place >= 0 && (left[place] ?? 0) > (right[place] ?? 0);
}

function specificity({ client, pattern, from, id }: PriceRule): number[] {
  const literal = pattern === null ? -1 : pattern.replaceAll('*', '').length;
  return [Number(client !== null), literal, from, id];
}
