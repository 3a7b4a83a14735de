/** Models as rows: one for each, whatever number of providers served it. */
import type { Measures } from '../client/measures';
import type { Report, ReportLine } from '../client/my-report';
import { percentOf, pricePerMillion } from '../format/arithmetic';
import { approximate } from '../format/money';
import { stepsOf, totalOf, type TimeStep } from './courses';

export interface ModelRow {
  model: string;
  providers: string[];
  measures: Measures;
  /** Of the cost of all, per cent. */
  share: string | null;
  /** Dollars for a million tokens, input and output together. */
  pricePerMillion: string | null;
}

export function modelRows(lines: readonly ReportLine[], total: Measures): ModelRow[] {
  const models = new Map<string, ReportLine[]>();
  for (const line of lines) {
    const model = line.group.model ?? '';
    models.set(model, [...(models.get(model) ?? []), line]);
  }
  return [...models].map(([model, found]) => {
    const measures = totalOf(found);
    return {
      model,
      providers: found.map(({ group }) => group.provider ?? '').filter(Boolean),
      measures,
      share: percentOf(measures.cost, total.cost),
      pricePerMillion: pricePerMillion(measures.cost, measures.tokens),
    };
  });
}

/** The cost of each model, step by step: heights of a line, not an account. */
export function trendsOf(report: Report, step: TimeStep): ReadonlyMap<string, number[]> {
  const places = new Map(stepsOf(report.period, step).map((key, index) => [key, index]));
  const trends = new Map<string, number[]>();
  for (const { group, cost } of report.lines) {
    const [model, place] = [group.model ?? '', places.get(group[step] ?? '')];
    const trend = trends.get(model) ?? Array.from({ length: places.size }, () => 0);
    if (place !== undefined) trend[place] = (trend[place] ?? 0) + approximate(cost);
    trends.set(model, trend);
  }
  return trends;
}
