/** Months of organizations as statements, and the rates that other currencies are stated with. */
import { ask, download, type Answer, type Query } from './http';
import { pageOf, type Page } from './page';
import {
  amount,
  count,
  instant,
  list,
  oneOf,
  optionalAmount,
  optionalInstant,
  record,
  text,
  texts,
  type Fields,
} from './read';

export const RATE_SOURCES = ['manual', 'ecb', 'nbp'] as const;
export type RateSource = (typeof RATE_SOURCES)[number];

/** Units of the currency for one USD. */
export interface StatementRate {
  rate: string;
  date: string;
  source: string;
  note: string;
}

export interface StatementLine {
  /** A correction makes good what an earlier month was stated with. */
  kind: 'usage' | 'correction';
  month: string;
  model: string;
  requests: number;
  promptTokens: number;
  completionTokens: number;
  /** Decimal string of USD, exact. */
  billed: string;
  reason: string;
}

export interface Statement {
  /** Both empty for a draft. */
  id: string;
  number: string;
  state: 'draft' | 'closed';
  clientId: string;
  month: string;
  timezone: string;
  issuedOn: string;
  closedAt: number | null;
  closedBy: string;
  currency: string;
  /** Decimal string of USD. */
  net: string;
  /** Decimal string of the currency, null while its rate is not known. */
  total: string | null;
  rate: StatementRate | null;
  rounding: string;
  seller: { name: string; address: string; taxId: string; email: string; note: string };
  buyer: { name: string; email: string };
  lines: StatementLine[];
  /** Sentences of the server's, in English. */
  remarks: string[];
  obstacles: string[];
  forceReason: string;
}

export interface Rate {
  currency: string;
  date: string;
  source: RateSource;
  rate: string;
  note: string;
  fetchedAt: number;
  enteredBy: string;
}

const PAGE = 200;

/**
 * A month's drafts by the names of their organizations, and then its closed statements. Each page
 * is told as it comes, for there may be a thousand organizations.
 */
export async function fetchMonth(
  month: string,
  ontold: (soFar: Statement[]) => void,
  signal?: AbortSignal,
): Promise<Answer<Statement[]>> {
  const found: Statement[] = [];
  for (const state of ['closed', 'draft'] as const) {
    for (let offset = 0, total = 1; offset < total; offset += PAGE) {
      const query = { month, state, offset, limit: PAGE };
      const answer = await ask('/billing/statements', readStatements, { query, signal });
      if (!answer.ok) return answer;
      total = answer.value.total;
      found.push(...answer.value.items);
      ontold([...found]);
    }
  }
  return { ok: true, value: found };
}

export function fetchStatement(id: string, signal?: AbortSignal): Promise<Answer<Statement>> {
  return ask(`/billing/statements/${encodeURIComponent(id)}`, readAnswer, { signal });
}

export function fetchDraft(
  clientId: string,
  month: string,
  signal?: AbortSignal,
): Promise<Answer<Statement>> {
  return ask(draftPath(clientId, month), readAnswer, { signal });
}

/** `conflict` says what has to be true first; a reason helps against the comparison alone. */
export function closeStatement(
  clientId: string,
  month: string,
  forceReason: string | null = null,
): Promise<Answer<Statement>> {
  const path = `/clients/${encodeURIComponent(clientId)}/statements/${month}/close`;
  const body = forceReason === null ? {} : { force_reason: forceReason };
  return ask(path, readAnswer, { method: 'POST', body });
}

export function savePdf(statement: Statement): Promise<Answer<null>> {
  if (statement.state === 'closed') {
    const path = `/billing/statements/${encodeURIComponent(statement.id)}/pdf`;
    return download(path, {}, `${statement.number}.pdf`);
  }
  const { clientId, month } = statement;
  return download(`${draftPath(clientId, month)}/pdf`, {}, `draft-${month}.pdf`);
}

export interface RateFilter {
  currency?: string;
  source?: RateSource | '';
  offset?: number;
  limit?: number;
}

/** Newest day first. */
export function fetchRates(filter: RateFilter, signal?: AbortSignal): Promise<Answer<Page<Rate>>> {
  return ask('/billing/rates', readRates, { query: filter as Query, signal });
}

export interface NewRate {
  currency: string;
  date: string;
  rate: string;
  note: string;
}

export function enterRate(rate: NewRate): Promise<Answer<Rate>> {
  const read = (body: unknown) => readRate(record(record(body, 'body').rate, 'rate'));
  return ask('/billing/rates', read, { method: 'POST', body: rate });
}

/** Only an entered one; closed statements keep it. */
export function removeRate({ currency, date }: Rate): Promise<Answer<null>> {
  const path = `/billing/rates/${encodeURIComponent(currency)}/${date}`;
  return ask(path, () => null, { method: 'DELETE' });
}

function draftPath(clientId: string, month: string): string {
  return `/clients/${encodeURIComponent(clientId)}/statements/${month}/draft`;
}

function readAnswer(body: unknown): Statement {
  return readStatement(record(record(body, 'body').statement, 'statement'));
}

function readStatements(body: unknown): Page<Statement> {
  return pageOf(body, 'statements', readStatement);
}

export function readStatement(statement: Fields): Statement {
  return {
    id: text(statement.id, 'id'),
    number: text(statement.number, 'number'),
    state: oneOf(statement.state, 'state', ['draft', 'closed']),
    clientId: text(statement.client_id, 'client_id'),
    month: text(statement.month, 'month'),
    timezone: text(statement.timezone, 'timezone'),
    issuedOn: text(statement.issued_on, 'issued_on'),
    closedAt: optionalInstant(statement.closed_at, 'closed_at'),
    closedBy: text(statement.closed_by, 'closed_by'),
    currency: text(statement.currency, 'currency'),
    net: amount(statement.net, 'net'),
    total: optionalAmount(statement.total, 'total'),
    rate: statement.rate == null ? null : readStatementRate(record(statement.rate, 'rate')),
    rounding: text(statement.rounding, 'rounding'),
    seller: readSeller(record(statement.seller, 'seller')),
    buyer: readBuyer(record(statement.buyer, 'buyer')),
    lines: list(statement.lines, 'lines', readLine),
    remarks: texts(statement.remarks, 'remarks'),
    obstacles: texts(statement.obstacles, 'obstacles'),
    forceReason: text(statement.force_reason, 'force_reason'),
  };
}

function readSeller(seller: Fields): Statement['seller'] {
  return {
    name: text(seller.name, 'seller.name'),
    address: text(seller.address, 'seller.address'),
    taxId: text(seller.tax_id, 'seller.tax_id'),
    email: text(seller.email, 'seller.email'),
    note: text(seller.note, 'seller.note'),
  };
}

function readBuyer(buyer: Fields): Statement['buyer'] {
  return { name: text(buyer.name, 'buyer.name'), email: text(buyer.email, 'buyer.email') };
}

function readStatementRate(rate: Fields): StatementRate {
  return {
    rate: amount(rate.rate, 'rate.rate'),
    date: text(rate.date, 'rate.date'),
    source: text(rate.source, 'rate.source'),
    note: text(rate.note, 'rate.note'),
  };
}

function readLine(line: Fields): StatementLine {
  return {
    kind: oneOf(line.kind, 'kind', ['usage', 'correction']),
    month: text(line.month, 'month'),
    model: text(line.model, 'model'),
    requests: count(line.requests, 'requests'),
    promptTokens: count(line.prompt_tokens, 'prompt_tokens'),
    completionTokens: count(line.completion_tokens, 'completion_tokens'),
    billed: amount(line.billed, 'billed'),
    reason: text(line.reason, 'reason'),
  };
}

function readRates(body: unknown): Page<Rate> {
  return pageOf(body, 'rates', readRate);
}

function readRate(rate: Fields): Rate {
  return {
    currency: text(rate.currency, 'currency'),
    date: text(rate.date, 'date'),
    source: oneOf(rate.source, 'source', RATE_SOURCES),
    rate: amount(rate.rate, 'rate'),
    note: text(rate.note, 'note'),
    fetchedAt: instant(rate.fetched_at, 'fetched_at'),
    enteredBy: text(rate.entered_by, 'entered_by'),
  };
}
