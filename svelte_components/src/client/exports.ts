/** Reports of one organization or of all, as files. */
import { download, type Answer } from './http';

export const REPORTS = [
  'daily',
  'monthly',
  'by-user',
  'by-model',
  'by-purpose',
  'user-model',
  'ledger',
  'focus',
] as const;
export const FORMATS = ['csv', 'xlsx', 'json', 'jsonl', 'parquet'] as const;

export type Report = (typeof REPORTS)[number];
export type Format = (typeof FORMATS)[number];

export interface ExportRequest {
  report: Report;
  format: Format;
  from: string;
  to: string;
  /** Empty for all organizations. */
  clientId: string;
  /** Of CSV alone. */
  delimiter: 'comma' | 'semicolon';
  bom: boolean;
}

/** Saved under the server's name for it, where that comes through. */
export function saveReport(wanted: ExportRequest): Promise<Answer<null>> {
  const { report, format, from, to, clientId } = wanted;
  const csv = format === 'csv' ? { delimiter: wanted.delimiter, bom: wanted.bom || null } : {};
  const query = { report, format, from, to, client_id: clientId, ...csv };
  return download('/usage/export', query, `usage-${report}-${from}-${to}.${format}`);
}
