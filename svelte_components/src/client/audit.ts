/** The trail of everything that somebody changed. */
import { ask, type Answer } from './http';
import { count, flag, instant, list, optionalCount, record, text, type Fields } from './read';

export interface AuditActor {
  kind: string;
  id: string;
  address: string;
}

/** `before` and `after` hold what changed, and nothing else; secrets are masked. */
export interface AuditRecord {
  seq: number;
  /** UTC milliseconds. */
  at: number;
  actor: AuditActor;
  action: string;
  targetKind: string;
  targetId: string;
  before: Fields | null;
  after: Fields | null;
  hash: string;
}

export interface AuditPage {
  records: AuditRecord[];
  total: number;
  offset: number;
  limit: number;
}

export interface AuditFilter {
  actor?: string | undefined;
  action?: string | undefined;
  /** `kind`, or `kind:id`. */
  target?: string | undefined;
  /** Days or instants; a day as `to` is included. */
  from?: string | undefined;
  to?: string | undefined;
  offset?: number;
  limit?: number;
}

/** `rows` records fit, from the first on; `seq` is the first that does not. */
export interface AuditVerdict {
  isIntact: boolean;
  rows: number;
  seq: number | null;
  reason: string;
  headSeq: number;
  headHash: string;
}

export function fetchAudit(filter: AuditFilter, signal?: AbortSignal): Promise<Answer<AuditPage>> {
  return ask('/audit', readPage, { query: { ...filter }, signal });
}

/** Walks the whole chain, which takes a while where it is long. */
export function verifyAudit(): Promise<Answer<AuditVerdict>> {
  return ask('/audit/verify', readVerdict);
}

export function readAuditRecord(item: Fields): AuditRecord {
  const actor = record(item.actor, 'actor');
  return {
    seq: count(item.seq, 'seq'),
    at: instant(item.at, 'at'),
    actor: {
      kind: text(actor.kind, 'actor.kind'),
      id: text(actor.id, 'actor.id'),
      address: text(actor.address, 'actor.address'),
    },
    action: text(item.action, 'action'),
    targetKind: text(item.target_kind, 'target_kind'),
    targetId: text(item.target_id, 'target_id'),
    before: item.before == null ? null : record(item.before, 'before'),
    after: item.after == null ? null : record(item.after, 'after'),
    hash: text(item.hash, 'hash'),
  };
}

function readPage(body: unknown): AuditPage {
  const page = record(body, 'body');
  return {
    records: list(page.records, 'records', readAuditRecord),
    total: count(page.total, 'total'),
    offset: count(page.offset, 'offset'),
    limit: count(page.limit, 'limit'),
  };
}

function readVerdict(body: unknown): AuditVerdict {
  const verdict = record(body, 'body');
  return {
    isIntact: flag(verdict.is_intact, 'is_intact'),
    rows: count(verdict.rows, 'rows'),
    seq: optionalCount(verdict.seq, 'seq'),
    reason: text(verdict.reason, 'reason'),
    headSeq: count(verdict.head_seq, 'head_seq'),
    headHash: text(verdict.head_hash, 'head_hash'),
  };
}
