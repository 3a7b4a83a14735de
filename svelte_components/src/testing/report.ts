/** A year of made-up calls, and reports of it like the server's: the same at every run. */
import type { Measures } from '../client/measures';
import type { Comparison, Dimension, Report, ReportLine, ReportQuery } from '../client/my-report';
import { changeOf, sumOf } from '../format/arithmetic';
import { TODAY } from './usage';

interface Call extends Measures {
  group: Partial<Record<Dimension, string>>;
}

export const PEOPLE: Record<string, { name: string; email: string }> = {
  user_1: { name: 'Frida Nowak', email: 'frida@example.com' },
  user_2: { name: 'Grzegorz Brzęczyszczykiewicz', email: 'grzegorz@example.com' },
  user_3: { name: '<b>Mallory</b> & sons', email: 'mallory@example.com' },
  user_4: { name: 'مريم الخطيب', email: 'maryam@example.com' },
};

export const MODELS = [
  ['anthropic/claude-sonnet-4', 'Anthropic', 9],
  ['openai/gpt-5-mini', 'OpenAI', 4],
  ['google/gemini-2.5-flash', 'Google', 2],
  ['qwen/qwen3-8b', 'Alibaba', 1],
] as const;

const DAY_MS = 86_400_000;
const DAYS = 400;

const NOTHING: Measures = {
  tokens: 0,
  cost: '0',
  requests: 0,
  promptTokens: 0,
  completionTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
  failures: 0,
  cancelled: 0,
  taskRequests: 0,
  firstByteMs: null,
  tokensPerSecond: null,
};

const CALLS: Call[] = daysUpTo(TODAY, DAYS).flatMap((day, index) =>
  Object.keys(PEOPLE).flatMap((user, place) =>
    MODELS.flatMap((model, rank) => callsOf(day, index, user, place, model, rank)),
  ),
);

/** The report that a server with these calls would answer. */
export function reportOf(query: ReportQuery): Report {
  const found = within(query);
  const told = toldApart(found, query);
  const days = daysBetween(query.from, query.to);
  return {
    period: { from: query.from, to: query.to, days },
    isComplete: true,
    total: totalOf(found),
    comparison: query.isCompared ? comparisonOf(query, found, days) : null,
    series: told.series,
    lines: told.lines,
    lineCount: told.lines.length,
  };
}

export function dayBefore(day: string, days: number): string {
  return new Date(Date.parse(day) - days * DAY_MS).toISOString().slice(0, 10);
}

function daysUpTo(last: string, length: number): string[] {
  return Array.from({ length }, (_, index) => dayBefore(last, length - 1 - index));
}

function daysBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
}

function callsOf(
  day: string,
  index: number,
  user: string,
  place: number,
  [model, provider, price]: (typeof MODELS)[number],
  rank: number,
): Call[] {
  const weekday = new Date(day).getUTCDay();
  const requests = weekday % 6 === 0 ? 0 : ((index * 7 + place * 5 + rank * 3) % 9) + 4 - rank;
  if (requests <= 0) return [];
  const promptTokens = requests * (900 + ((index * 131) % 700));
  const completionTokens = requests * (240 + ((index * 37) % 160));
  const tokens = promptTokens + completionTokens;
  return [
    {
      group: { day, month: day.slice(0, 7), user, model, provider, purpose: 'chat' },
      requests,
      tokens,
      promptTokens,
      completionTokens,
      cachedTokens: Math.round(promptTokens / 4),
      reasoningTokens: Math.round(completionTokens / 6),
      cost: (tokens * price * 1e-6).toFixed(9),
      failures: index % 11 === 0 ? 1 : 0,
      cancelled: index % 7 === 0 ? 1 : 0,
      taskRequests: Math.floor(requests / 2),
      firstByteMs: 380 + ((index * 17) % 240) + rank * 40,
      tokensPerSecond: String(48 + ((index * 5) % 30) + rank * 9),
    },
  ];
}

function within({ from, to, userId, model }: ReportQuery): Call[] {
  return CALLS.filter(
    ({ group }) =>
      (group.day ?? '') >= from &&
      (group.day ?? '') <= to &&
      (!userId || group.user === userId) &&
      (!model || group.model === model),
  );
}

function toldApart(calls: Call[], { groupBy, top }: ReportQuery) {
  const kind = groupBy.find((name) => name !== 'day' && name !== 'month');
  if (!top || !kind) return { series: [], lines: linesOf(calls, groupBy) };
  const ranked = linesOf(calls, [kind]);
  const kept = new Set(ranked.slice(0, top).map(({ group }) => group[kind]));
  const folded = calls.map((call) =>
    kept.has(call.group[kind]) ? call : { ...call, group: { ...call.group, [kind]: '' } },
  );
  const marked = (line: ReportLine) => ({ ...line, isRest: line.group[kind] === '' });
  return {
    series: linesOf(folded, [kind])
      .map(marked)
      .sort((one, other) => Number(one.isRest) - Number(other.isRest)),
    lines: linesOf(folded, groupBy).map(marked),
  };
}

function linesOf(calls: Call[], groupBy: readonly Dimension[]): ReportLine[] {
  const groups = grouped(calls, (call) => keyOf(call, groupBy));
  const lines = [...groups.values()].map((group) => lineOf(group, groupBy));
  const isTime = groupBy.some((name) => name === 'day' || name === 'month');
  return isTime
    ? lines.sort((one, other) => timeOf(one).localeCompare(timeOf(other)))
    : lines.sort((one, other) => Number(other.cost) - Number(one.cost));
}

function grouped(calls: Call[], key: (call: Call) => string): Map<string, Call[]> {
  const groups = new Map<string, Call[]>();
  for (const call of calls) {
    const group = groups.get(key(call));
    if (group) group.push(call);
    else groups.set(key(call), [call]);
  }
  return groups;
}

const keyOf = ({ group }: Call, groupBy: readonly Dimension[]) =>
  groupBy.map((name) => group[name]).join('\n');

const timeOf = ({ group }: ReportLine) => group.day ?? group.month ?? '';

function lineOf(calls: Call[], groupBy: readonly Dimension[]): ReportLine {
  const group = Object.fromEntries(groupBy.map((name) => [name, calls[0]?.group[name] ?? '']));
  const person = group.user === undefined ? null : PEOPLE[group.user];
  return {
    ...totalOf(calls),
    group,
    isRest: false,
    userName: person?.name ?? null,
    userEmail: person?.email ?? null,
    days: new Set(calls.map((call) => call.group.day)).size,
    previous: null,
  };
}

function comparisonOf(query: ReportQuery, now: Call[], days: number): Comparison {
  const period = { from: dayBefore(query.from, days), to: dayBefore(query.from, 1), days };
  const [total, sums] = [totalOf(within({ ...query, ...period })), totalOf(now)];
  return {
    period,
    total,
    requestsPercent: changeOf(sums.requests, total.requests),
    tokensPercent: changeOf(sums.tokens, total.tokens),
    costPercent: changeOf(sums.cost, total.cost),
  };
}

function totalOf(calls: Call[]): Measures {
  const add = (name: keyof Measures) =>
    calls.reduce((sum, call) => sum + Number(call[name] ?? 0), 0);
  if (calls.length === 0) return NOTHING;
  return {
    tokens: add('tokens'),
    cost: sumOf(calls.map(({ cost }) => cost)),
    requests: add('requests'),
    promptTokens: add('promptTokens'),
    completionTokens: add('completionTokens'),
    cachedTokens: add('cachedTokens'),
    reasoningTokens: add('reasoningTokens'),
    failures: add('failures'),
    cancelled: add('cancelled'),
    taskRequests: add('taskRequests'),
    firstByteMs: Math.round(add('firstByteMs') / calls.length),
    tokensPerSecond: (add('tokensPerSecond') / calls.length).toFixed(1),
  };
}
