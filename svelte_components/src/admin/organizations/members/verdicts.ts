import type { BulkRow } from '../../../client/members';
import type { MessageKey } from '../../../locale/keys';
import type { TextRow } from './table-text';

export type RowStatus = BulkRow['status'];

/** What the server says of a row, and where it stands in the file. */
export interface Verdict extends BulkRow {
  line: number | null;
  text: string;
}

export const STATUS_LABELS: Record<RowStatus, MessageKey> = {
  error: 'organizations.rowError',
  created: 'organizations.rowCreated',
  moved: 'organizations.rowMoved',
  changed: 'organizations.rowChanged',
  unchanged: 'organizations.rowUnchanged',
};

export const STATUS_TONES = {
  error: 'bad',
  created: 'good',
  moved: 'info',
  changed: 'info',
  unchanged: 'neutral',
} as const;

/** More at once would only be scrolled past. */
export const MOST_SHOWN = 200;

export function verdictsOf(rows: readonly BulkRow[], texts: readonly TextRow[]): Verdict[] {
  return rows.map((row) => {
    const found = texts[row.number - 1];
    return { ...row, line: found?.line ?? null, text: found?.text ?? row.userId ?? '' };
  });
}

/** How many rows of each status, those with problems first. */
export function countsOf(rows: readonly BulkRow[]): [RowStatus, number][] {
  return (Object.keys(STATUS_LABELS) as RowStatus[])
    .map((status): [RowStatus, number] => [
      status,
      rows.filter((row) => row.status === status).length,
    ])
    .filter(([, count]) => count > 0);
}
