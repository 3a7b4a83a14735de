/** The reader's organization as files. */
import { download, type Answer } from './http';
import { MY_ORGANIZATION } from './my-organization';

export const EXPORT_REPORTS = [
  'daily',
  'monthly',
  'by-user',
  'by-model',
  'by-purpose',
  'user-model',
  'ledger',
  'focus',
] as const;
export const EXPORT_FORMATS = ['csv', 'xlsx', 'json', 'parquet'] as const;

export type ExportReport = (typeof EXPORT_REPORTS)[number];
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportQuery {
  report: ExportReport;
  format: ExportFormat;
  from: string;
  to: string;
}

/** The browser saves it under the server's name for it. */
export function saveExport({ report, format, from, to }: ExportQuery): Promise<Answer<null>> {
  const path = `${MY_ORGANIZATION}/export`;
  return download(path, { report, format, from, to }, `usage-${report}-${from}-${to}.${format}`);
}
