/**
 * Where the views get their reports. Days that are over do not change any more, so their answers are
 * kept while the page is open; those with today in them are asked for again when there is news.
 */
import { untrack } from 'svelte';
import type { Answer, Failure } from '../client/http';
import type { Report, ReportQuery } from '../client/my-report';
import type { MyStatements } from '../client/my-statements';
import { shelf, type Source } from './source';

export interface Desk extends Source {
  /** The last answer to this, however old. */
  known(query: ReportQuery): Report | null;
  /** Changes when what was answered of today may be out of date. */
  readonly edition: number;
  /** There is news of today; with `everything`, of other days as well. */
  renew(everything?: boolean): void;
  /** The name of a user, as some report told it. */
  nameOf(userId: string): string | null;
}

export function deskOf(source: Source, today: () => string): Desk {
  const reports = shelf();
  let names = $state.raw<Readonly<Record<string, string>>>({});
  let edition = $state(0);

  function keep(query: ReportQuery, report: Report): void {
    reports.keep(query, report);
    const told = report.lines.flatMap(({ group: { user }, userName, userEmail }) =>
      user && (userName || userEmail) ? [[user, userName || userEmail || '']] : [],
    );
    if (told.length > 0) names = { ...untrack(() => names), ...Object.fromEntries(told) };
  }

  return {
    ...source,
    async report(query, signal) {
      const kept = reports.find(query);
      if (kept && query.to < untrack(today)) return { ok: true, value: kept };
      const answer = await source.report(query, signal);
      if (answer.ok) keep(query, answer.value);
      return answer;
    },
    known: reports.find,
    get edition() {
      return edition;
    },
    renew(everything = false) {
      if (everything) reports.clear();
      edition += 1;
    },
    nameOf: (userId) => names[userId] ?? null,
  };
}

/** What was asked for, and how that went. */
export interface Loading<T> {
  readonly value: T | null;
  readonly failure: Failure | null;
  /** A question is on its way. */
  readonly busy: boolean;
  /** The value is of another question than the one that is on its way. */
  readonly isOld: boolean;
  retry(): void;
}

/** A report that follows its query and the news; call it while a component is made. */
export function loadReport(desk: () => Desk, query: () => ReportQuery | null): Loading<Report> {
  const key = $derived(JSON.stringify(query()));
  return loading(
    () => key,
    () => {
      const wanted = query();
      return wanted && desk().known(wanted);
    },
    async (signal) => {
      const wanted = query();
      return wanted && desk().report(wanted, signal);
    },
    () => desk().edition,
  );
}

export function loadStatements(desk: () => Desk): Loading<MyStatements> {
  return loading(
    () => 'statements',
    () => null,
    (signal) => desk().statements(signal),
    () => desk().edition,
  );
}

/**
 * Asks when the key or the edition changes, and again by itself when a busy server has said when.
 * What is no longer wanted is aborted, at the latest when the component goes.
 */
function loading<T>(
  key: () => string,
  known: () => T | null,
  ask: (signal: AbortSignal) => Promise<Answer<T> | null>,
  edition: () => number,
): Loading<T> {
  let value = $state.raw<T | null>(untrack(known));
  let valueKey = $state(untrack(key));
  let failure = $state.raw<Failure | null>(null);
  let busy = $state(true);
  let attempt = $state(0);
  let lastKey = untrack(key);

  $effect(() => {
    const asked = key();
    void [edition(), attempt];
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;

    async function run(): Promise<void> {
      busy = true;
      if (asked !== lastKey) failure = null;
      lastKey = asked;
      const early = known();
      if (early) [value, valueKey] = [early, asked];
      const answer = await ask(controller.signal);
      if (controller.signal.aborted || !answer) return;
      busy = false;
      failure = answer.ok ? null : answer.failure;
      if (answer.ok) [value, valueKey] = [answer.value, asked];
      else if (valueKey !== asked) value = null;
      if (failure?.retryAfterMs) timer = setTimeout(() => (attempt += 1), failure.retryAfterMs);
    }

    untrack(() => void run());
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  });

  return {
    get value() {
      return value;
    },
    get failure() {
      return failure;
    },
    get busy() {
      return busy;
    },
    get isOld() {
      return valueKey !== key();
    },
    retry: () => (attempt += 1),
  };
}
