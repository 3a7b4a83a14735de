/** Everything that the views ask the server for, and what they keep of its answers. */
import type { Answer } from '../client/http';
import { saveExport, type ExportQuery } from '../client/my-export';
import { fetchReport, type Report, type ReportQuery } from '../client/my-report';
import {
  fetchMyStatements,
  saveMyStatement,
  type MyStatement,
  type MyStatements,
} from '../client/my-statements';

export interface Source {
  report(query: ReportQuery, signal: AbortSignal): Promise<Answer<Report>>;
  statements(signal: AbortSignal): Promise<Answer<MyStatements>>;
  saveStatement(statement: MyStatement): Promise<Answer<null>>;
  saveExport(query: ExportQuery): Promise<Answer<null>>;
}

export const SERVER: Source = {
  report: fetchReport,
  statements: fetchMyStatements,
  saveStatement: saveMyStatement,
  saveExport,
};

/** Answers by question; a question is the same if it is written the same. */
export function shelf() {
  const reports = new Map<string, Report>();
  return {
    keep: (query: ReportQuery, report: Report) => void reports.set(JSON.stringify(query), report),
    find: (query: ReportQuery) => reports.get(JSON.stringify(query)) ?? null,
    clear: () => reports.clear(),
  };
}
