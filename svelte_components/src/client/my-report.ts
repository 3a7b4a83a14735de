/** Any days of the reader's organization, told apart by day, user, model and the like. */
import { ask, type Answer } from './http';
import { readMeasures, type Measures } from './measures';
import { MY_ORGANIZATION } from './my-organization';
import {
  count,
  flag,
  list,
  optionalAmount,
  optionalCount,
  optionalText,
  record,
  text,
  type Fields,
} from './read';

export type Dimension = 'day' | 'month' | 'user' | 'model' | 'provider' | 'purpose';

export interface ReportQuery {
  /** Days of the organization, both included. */
  from: string;
  to: string;
  groupBy: readonly Dimension[];
  userId?: string | undefined;
  model?: string | undefined;
  /** Beside the period before. */
  isCompared?: boolean;
  /** Tells apart so many of what is not time, and adds up the others. */
  top?: number;
}

export interface Period {
  from: string;
  to: string;
  days: number;
}

export interface ReportLine extends Measures {
  /** A value for each dimension. */
  group: Partial<Record<Dimension, string>>;
  /** Everything beyond the `top` that were told apart. */
  isRest: boolean;
  userName: string | null;
  userEmail: string | null;
  /** On how many days there was any of it; null where that is not known. */
  days: number | null;
  previous: Measures | null;
}

export interface Comparison {
  period: Period;
  total: Measures;
  requestsPercent: string | null;
  tokensPercent: string | null;
  costPercent: string | null;
}

export interface Report {
  period: Period;
  /** False where it is the reader's own usage alone. */
  isComplete: boolean;
  total: Measures;
  comparison: Comparison | null;
  /** With `top`: what was told apart over the whole period, dearest first, the rest last. */
  series: ReportLine[];
  lines: ReportLine[];
  lineCount: number;
}

/** The most that the server answers at once. */
const MOST_LINES = 2_000;

export function fetchReport(query: ReportQuery, signal: AbortSignal): Promise<Answer<Report>> {
  return ask(`${MY_ORGANIZATION}/report`, readReport, { query: parametersOf(query), signal });
}

function parametersOf({ from, to, groupBy, userId, model, isCompared, top }: ReportQuery) {
  return {
    from,
    to,
    group_by: groupBy.join(','),
    user_id: userId,
    model,
    compare: isCompared ? 'previous' : null,
    top,
    limit: MOST_LINES,
  };
}

export function readReport(body: unknown): Report {
  const answer = record(body, 'body');
  return {
    period: readPeriod(record(answer.period, 'period')),
    isComplete: flag(answer.is_complete, 'is_complete'),
    total: readMeasures(record(answer.totals, 'totals')),
    comparison:
      answer.comparison == null ? null : readComparison(record(answer.comparison, 'comparison')),
    series: answer.series == null ? [] : list(answer.series, 'series', readLine),
    lines: list(answer.lines, 'lines', readLine),
    lineCount: count(answer.total, 'total'),
  };
}

function readPeriod(period: Fields): Period {
  return {
    from: text(period.from, 'from'),
    to: text(period.to, 'to'),
    days: count(period.days, 'days'),
  };
}

function readComparison(comparison: Fields): Comparison {
  return {
    period: readPeriod(record(comparison.period, 'period')),
    total: readMeasures(record(comparison.total, 'total')),
    requestsPercent: optionalAmount(comparison.requests_change_percent, 'requests_change_percent'),
    tokensPercent: optionalAmount(comparison.tokens_change_percent, 'tokens_change_percent'),
    costPercent: optionalAmount(comparison.cost_change_percent, 'cost_change_percent'),
  };
}

function readLine(line: Fields): ReportLine {
  const group = Object.entries(record(line.group, 'group'));
  return {
    ...readMeasures(line),
    group: Object.fromEntries(group.map(([name, value]) => [name, text(value, name)])),
    isRest: line.is_rest === true,
    userName: optionalText(line.user_name, 'user_name'),
    userEmail: optionalText(line.user_email, 'user_email'),
    days: optionalCount(line.days, 'days'),
    previous: line.previous == null ? null : readMeasures(record(line.previous, 'previous')),
  };
}
