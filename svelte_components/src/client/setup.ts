/** How far the first run has come, each step checked by the server. */
import { ask, type Answer } from './http';
import { flag, list, oneOf, optionalText, record, text, type Fields } from './read';

export const SETUP_STEPS = [
  'provisioning_key',
  'pricing',
  'organization',
  'members',
  'test_call',
] as const;
export type SetupStepId = (typeof SETUP_STEPS)[number];

const STATES = ['done', 'todo', 'failed'] as const;

export interface SetupStep {
  id: SetupStepId;
  state: (typeof STATES)[number];
  /** What the server saw, as it says it. */
  detail: string;
}

export interface Setup {
  isComplete: boolean;
  steps: SetupStep[];
}

export interface Candidate {
  id: string;
  name: string;
  email: string;
  clientName: string | null;
  /** By an admin, a rule or an import: nobody's by default. */
  isAssigned: boolean;
}

/** A new organization; a key that could not be made undoes nothing, and `message` says why. */
export interface NewClient {
  id: string;
  name: string;
  message: string;
}

export interface ClientChoice {
  id: string;
  name: string;
}

export function fetchSetup(signal?: AbortSignal): Promise<Answer<Setup>> {
  return ask('/setup', readSetup, { signal });
}

export function createClient(fields: {
  name: string;
  timezone: string;
  monthly_limit: string | null;
}): Promise<Answer<NewClient>> {
  return ask('/clients', readNewClient, { method: 'POST', body: fields });
}

/** The newest first: the one that the guide made is among them. */
export function fetchClientChoices(signal?: AbortSignal): Promise<Answer<ClientChoice[]>> {
  const query = { status: 'active', sort: '-created_at', limit: 100 };
  return ask('/clients', readChoices, { query, signal });
}

export function fetchCandidates(
  search: string,
  limit: number,
  signal?: AbortSignal,
): Promise<Answer<Candidate[]>> {
  return ask('/user-mappings/candidates', readCandidates, { query: { search, limit }, signal });
}

export type BulkRole = 'member' | 'manager';

/** All of the rows are written, or none; false where a row was refused. */
export function assignMembers(
  clientId: string,
  members: readonly { userId: string; role: BulkRole }[],
): Promise<Answer<{ isWritten: boolean; problems: string[] }>> {
  const body = members.map(({ userId, role }) => ({
    user_id: userId,
    client_org_id: clientId,
    role,
  }));
  return ask('/user-mappings/bulk', readBulk, { method: 'POST', body });
}

export function readSetup(body: unknown): Setup {
  const setup = record(body, 'body');
  return {
    isComplete: flag(setup.is_complete, 'is_complete'),
    steps: list(setup.steps, 'steps', (step) => ({
      id: oneOf(step.step, 'step', SETUP_STEPS),
      state: oneOf(step.state, 'state', STATES),
      detail: text(step.detail, 'detail'),
    })),
  };
}

function readNewClient(body: unknown): NewClient {
  const answer = record(body, 'body');
  const client = record(answer.client, 'client');
  return {
    id: text(client.id, 'id'),
    name: text(client.name, 'name'),
    message: text(answer.message, 'message'),
  };
}

function readChoices(body: unknown): ClientChoice[] {
  return list(record(body, 'body').clients, 'clients', (client) => ({
    id: text(client.id, 'id'),
    name: text(client.name, 'name'),
  }));
}

function readCandidates(body: unknown): Candidate[] {
  return list(record(body, 'body').candidates, 'candidates', readCandidate);
}

function readCandidate(item: Fields): Candidate {
  return {
    id: text(item.user_id, 'user_id'),
    name: text(item.name, 'name'),
    email: text(item.email, 'email'),
    clientName: optionalText(item.client_name, 'client_name'),
    isAssigned: flag(item.is_assigned, 'is_assigned'),
  };
}

function readBulk(body: unknown) {
  const answer = record(body, 'body');
  const rows = list(answer.rows, 'rows', (row) =>
    list(row.errors, 'errors', (error) => text(error.message, 'message')),
  );
  return { isWritten: flag(answer.is_written, 'is_written'), problems: rows.flat() };
}
