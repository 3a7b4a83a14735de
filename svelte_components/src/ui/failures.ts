/** What is said about each kind of failure, and what the reader can do about it. */
import type { FailureKind } from '../client/http';
import type { MessageKey } from '../locale/keys';

type Remedy = 'retry' | 'reload' | 'sign-in' | 'none';

interface Words {
  title: MessageKey;
  text: MessageKey;
  remedy: Remedy;
}

const WORDS: Record<FailureKind, Words> = {
  'signed-out': { title: 'ui.signedOutTitle', text: 'ui.signedOutText', remedy: 'sign-in' },
  forbidden: { title: 'ui.forbiddenTitle', text: 'ui.forbiddenText', remedy: 'none' },
  'not-found': { title: 'ui.notFoundTitle', text: 'ui.notFoundText', remedy: 'reload' },
  'no-organization': {
    title: 'ui.noOrganizationTitle',
    text: 'ui.noOrganizationText',
    remedy: 'retry',
  },
  conflict: { title: 'ui.conflictTitle', text: 'ui.conflictText', remedy: 'reload' },
  changed: { title: 'ui.changedTitle', text: 'ui.changedText', remedy: 'reload' },
  invalid: { title: 'ui.invalidTitle', text: 'ui.invalidText', remedy: 'none' },
  busy: { title: 'ui.busyTitle', text: 'ui.busyText', remedy: 'retry' },
  unavailable: { title: 'ui.unavailableTitle', text: 'ui.unavailableText', remedy: 'retry' },
  upstream: { title: 'ui.upstreamTitle', text: 'ui.upstreamText', remedy: 'retry' },
  server: { title: 'ui.serverTitle', text: 'ui.serverText', remedy: 'retry' },
  unreadable: { title: 'ui.unreadableTitle', text: 'ui.unreadableText', remedy: 'retry' },
  unreachable: { title: 'ui.unreachableTitle', text: 'ui.unreachableText', remedy: 'retry' },
};

export const FAILURE_KINDS = Object.keys(WORDS) as FailureKind[];

/** Where the server's own reason says more than ours. */
export const WITH_DETAIL: ReadonlySet<FailureKind> = new Set([
  'not-found',
  'conflict',
  'invalid',
  'unavailable',
  'upstream',
  'server',
]);

export function wordsOf(kind: FailureKind): Pick<Words, 'title' | 'text'> {
  return WORDS[kind];
}

export function remedyOf(kind: FailureKind): Remedy {
  return WORDS[kind].remedy;
}
