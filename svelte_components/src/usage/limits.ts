/** How far an organization, or its reader, has come towards a limit. */
import type { Limit, MyOrganization } from '../client/my-organization';
import { compareDecimals } from '../format/decimal';

/** Whose limit it is that has been reached. */
export type Reached = 'organization' | 'own';

/** The limit that stops the reader, or that somebody is told of; the reader's own one says more. */
export function reachedLimit({ limit, ownLimit }: MyOrganization): Reached | null {
  if (ownLimit && isReached(ownLimit)) return 'own';
  return isReached(limit) ? 'organization' : null;
}

/** The day on which limits start anew: the first one of the next month, where the organization is. */
export function resetDay({ month }: MyOrganization): string {
  const [year, number] = month.month.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(year, number, 1)).toISOString().slice(0, 10);
}

export function isReached({ monthlyLimit, spent, remaining }: Limit): boolean {
  if (monthlyLimit === null) return false;
  return remaining === '0' || compareDecimals(spent, monthlyLimit) >= 0;
}
