/** How a month stands: which statements are closed, ready to be, or waiting for something. */
import type { Statement } from '../../client/billing';
import { sumOf } from '../../format/arithmetic';

export type Standing = 'closed' | 'ready' | 'waiting';

export function standingOf({ state, obstacles }: Statement): Standing {
  if (state === 'closed') return 'closed';
  return obstacles.length === 0 ? 'ready' : 'waiting';
}

export function countOf(statements: readonly Statement[], standing: Standing): number {
  return statements.filter((each) => standingOf(each) === standing).length;
}

/** Decimal string of USD. */
export function netOf(statements: readonly Statement[]): string {
  return sumOf(statements.map(({ net }) => net));
}

/** Currencies that some draft cannot be converted into. */
export function currenciesWithoutRate(statements: readonly Statement[]): string[] {
  const lacking = statements.filter(({ state, total }) => state === 'draft' && total === null);
  return [...new Set(lacking.map(({ currency }) => currency))].sort();
}

/** The statement in the place of the draft of its organization, or of an older look at it. */
export function withStatement(all: readonly Statement[], statement: Statement): Statement[] {
  return all.map((each) => (each.clientId === statement.clientId ? statement : each));
}
