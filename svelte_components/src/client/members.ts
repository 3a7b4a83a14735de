/** Who belongs to which organization, by mAI's name: user mappings. */
import { ask, type Answer } from './http';
import {
  count,
  flag,
  instant,
  list,
  oneOf,
  optionalAmount,
  optionalInstant,
  optionalText,
  record,
  text,
  type Fields,
} from './read';

const ROLES = ['member', 'manager'] as const;
export type Role = (typeof ROLES)[number];

/** Where a user belonged from one instant to another, in UTC milliseconds; null: without an end. */
export interface Stretch {
  organization: string;
  role: Role;
  /** Decimal string of USD; null: no limit of their own. */
  monthlyLimit: string | null;
  from: number;
  to: number | null;
  /** Who put them there, such as `admin` or `rule`. */
  source: string;
}

export interface Member extends Stretch {
  userId: string;
  name: string;
  email: string;
  /** The host does not know the user any more. */
  isDeleted: boolean;
}

export interface MembersPage {
  members: Member[];
  total: number;
}

/** A user with every stretch, oldest first, a planned one included. */
export interface MemberHistory {
  member: Member;
  history: Stretch[];
}

/** One of the host's users, and where they are now. */
export interface Candidate {
  userId: string;
  name: string;
  email: string;
  organization: string | null;
  organizationName: string | null;
  /** An admin, a rule or an import put them there; false: by default, or nowhere. */
  isAssigned: boolean;
}

export interface CandidatesPage {
  candidates: Candidate[];
  total: number;
}

/** Named as on the wire. */
export interface MemberChanges {
  role?: Role;
  monthly_limit?: string | null;
  client_org_id?: string;
  /** RFC 3339; without it, now. */
  effective_from?: string;
}

export interface BulkRow {
  /** Counts from 1, without the heading and empty lines. */
  number: number;
  userId: string | null;
  status: 'created' | 'moved' | 'changed' | 'unchanged' | 'error';
  errors: { field: string; message: string }[];
}

export interface BulkResult {
  isWritten: boolean;
  rows: BulkRow[];
}

const ROW_STATUSES = ['created', 'moved', 'changed', 'unchanged', 'error'] as const;

export function fetchMembers(
  wanted: { client: string; search: string; role: Role | null; offset: number; limit: number },
  signal?: AbortSignal,
): Promise<Answer<MembersPage>> {
  const { client, ...rest } = wanted;
  return ask('/user-mappings', readMembers, { query: { client_id: client, ...rest }, signal });
}

export function fetchMember(userId: string, signal?: AbortSignal): Promise<Answer<MemberHistory>> {
  return ask(path(userId), readMember, { signal });
}

export function fetchCandidates(
  search: string,
  limit: number,
  signal?: AbortSignal,
): Promise<Answer<CandidatesPage>> {
  return ask('/user-mappings/candidates', readCandidates, { query: { search, limit }, signal });
}

/** Puts a user into an organization, out of any other one. */
export function assignMember(
  userId: string,
  client: string,
  more: Omit<MemberChanges, 'client_org_id'> = {},
): Promise<Answer<MemberHistory>> {
  const body = { user_id: userId, client_org_id: client, ...more };
  return ask('/user-mappings', readMember, { method: 'POST', body });
}

export function changeMember(
  userId: string,
  changes: MemberChanges,
): Promise<Answer<MemberHistory>> {
  return ask(path(userId), readMember, { method: 'PATCH', body: changes });
}

/** Back to the default organization, or to none where there is no default. */
export function removeMember(userId: string): Promise<Answer<MemberHistory>> {
  return ask(path(userId), readMember, { method: 'DELETE' });
}

/** Takes back a move that has not happened yet. */
export function cancelPlanned(userId: string): Promise<Answer<MemberHistory>> {
  return ask(`${path(userId)}/planned`, readMember, { method: 'DELETE' });
}

/**
 * Many at once from CSV. A dry run writes nothing; else one bad row keeps all of them out, unless
 * `partial` says that the good ones are to be written.
 */
export function importMembers(
  csv: string,
  options: { dryRun: boolean; partial?: boolean },
): Promise<Answer<BulkResult>> {
  return ask('/user-mappings/bulk', readBulk, {
    method: 'POST',
    query: { dry_run: options.dryRun, partial: options.partial },
    text: { type: 'text/csv', content: csv },
  });
}

function path(userId: string): string {
  return `/user-mappings/${encodeURIComponent(userId)}`;
}

function readMembers(body: unknown): MembersPage {
  const answer = record(body, 'body');
  return {
    members: list(answer.mappings, 'mappings', readMapping),
    total: count(answer.total, 'total'),
  };
}

function readMember(body: unknown): MemberHistory {
  const answer = record(body, 'body');
  return {
    member: readMapping(record(answer.mapping, 'mapping')),
    history: list(answer.history, 'history', readStretch),
  };
}

export function readMapping(mapping: Fields): Member {
  return {
    ...readStretch(mapping),
    userId: text(mapping.user_id, 'user_id'),
    name: text(mapping.name, 'name'),
    email: text(mapping.email, 'email'),
    isDeleted: flag(mapping.is_deleted, 'is_deleted'),
  };
}

function readStretch(stretch: Fields): Stretch {
  return {
    organization: text(stretch.client_org_id, 'client_org_id'),
    role: oneOf(stretch.role, 'role', ROLES),
    monthlyLimit: optionalAmount(stretch.monthly_limit, 'monthly_limit'),
    from: instant(stretch.valid_from, 'valid_from'),
    to: optionalInstant(stretch.valid_to, 'valid_to'),
    source: text(stretch.source, 'source'),
  };
}

function readCandidates(body: unknown): CandidatesPage {
  const answer = record(body, 'body');
  return {
    candidates: list(answer.candidates, 'candidates', (candidate) => ({
      userId: text(candidate.user_id, 'user_id'),
      name: text(candidate.name, 'name'),
      email: text(candidate.email, 'email'),
      organization: optionalText(candidate.client_org_id, 'client_org_id'),
      organizationName: optionalText(candidate.client_name, 'client_name'),
      isAssigned: flag(candidate.is_assigned, 'is_assigned'),
    })),
    total: count(answer.total, 'total'),
  };
}

function readBulk(body: unknown): BulkResult {
  const answer = record(body, 'body');
  return {
    isWritten: flag(answer.is_written, 'is_written'),
    rows: list(answer.rows, 'rows', (row) => ({
      number: count(row.number, 'number'),
      userId: optionalText(row.user_id, 'user_id'),
      status: oneOf(row.status, 'status', ROW_STATUSES),
      errors: list(row.errors, 'errors', (error) => ({
        field: text(error.field, 'field'),
        message: text(error.message, 'message'),
      })),
    })),
  };
}
