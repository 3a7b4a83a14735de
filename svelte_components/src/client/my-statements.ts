/** The closed statements of the organization that the reader manages. */
import { ask, download, type Answer } from './http';
import { MY_ORGANIZATION } from './my-organization';
import { amount, count, list, optionalAmount, record, text, type Fields } from './read';

export interface MyStatement {
  id: string;
  number: string;
  /** `YYYY-MM`. */
  month: string;
  issuedOn: string;
  currency: string;
  /** Decimal string, USD. */
  net: string;
  /** Decimal string in the currency. */
  total: string | null;
}

export interface MyStatements {
  /** Newest month first. */
  statements: MyStatement[];
  total: number;
}

/** One page; managers see years on it. */
const MOST = 200;

export function fetchMyStatements(signal: AbortSignal): Promise<Answer<MyStatements>> {
  return ask(`${MY_ORGANIZATION}/statements`, readMyStatements, {
    query: { limit: MOST },
    signal,
  });
}

export function saveMyStatement({ id, number }: MyStatement): Promise<Answer<null>> {
  const path = `${MY_ORGANIZATION}/statements/${encodeURIComponent(id)}/pdf`;
  return download(path, {}, `${number}.pdf`);
}

export function readMyStatements(body: unknown): MyStatements {
  const answer = record(body, 'body');
  return {
    statements: list(answer.statements, 'statements', readStatement),
    total: count(answer.total, 'total'),
  };
}

function readStatement(statement: Fields): MyStatement {
  return {
    id: text(statement.id, 'id'),
    number: text(statement.number, 'number'),
    month: text(statement.month, 'month'),
    issuedOn: text(statement.issued_on, 'issued_on'),
    currency: text(statement.currency, 'currency'),
    net: amount(statement.net, 'net'),
    total: optionalAmount(statement.total, 'total'),
  };
}
