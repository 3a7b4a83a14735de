import { readMapping } from '../../../client/members';
import type { Story } from '../../../gallery/story';
import { HOSTILE_NAME, mappingBody } from '../../../testing/organizations';
import ImportVerdict from './ImportVerdict.svelte';
import MemberTable from './MemberTable.svelte';
import type { Verdict } from './verdicts';

const nothing = () => undefined;

const members = (...bodies: Record<string, unknown>[]) => ({
  members: bodies.map((body, index) => readMapping(mappingBody({ user_id: `u${index}`, ...body }))),
  timeZone: 'Europe/Warsaw',
  canRemove: true,
  onrole: nothing,
  onlimit: nothing,
  onopen: nothing,
  oncancel: nothing,
  onremove: nothing,
});

const MESSAGE = `email is '${'x'.repeat(60)}'; expected the address of one user of the host`;

const VERDICTS: Verdict[] = [
  row(1, 'error', `${HOSTILE_NAME},acme,member`, [MESSAGE, 'role is "boss"; expected member']),
  row(2, 'created', 'anna@example.com,acme,manager'),
  row(3, 'moved', 'boris@example.com,acme'),
  row(4, 'changed', 'chen@example.com,acme'),
  row(5, 'unchanged', 'dora@example.com,acme'),
];

function row(
  number: number,
  status: Verdict['status'],
  text: string,
  messages: string[] = [],
): Verdict {
  const errors = messages.map((message) => ({ field: 'email', message }));
  return { number, status, text, errors, line: number + 1, userId: null };
}

export const stories: Story[] = [
  {
    id: 'organizations/members/states',
    component: MemberTable,
    width: 'wide',
    props: () =>
      members(
        {},
        { name: 'Boris', role: 'manager', monthly_limit: '1250.5' },
        { name: 'Chen', valid_to: '2026-12-01T23:00:00Z' },
        { name: '', email: '', is_deleted: true },
      ),
  },
  {
    id: 'organizations/members/hostile-names',
    component: MemberTable,
    width: 'wide',
    props: () => members({ name: HOSTILE_NAME }, { name: 'ليلى ' + '42', email: 'x@y.example' }),
  },
  {
    id: 'organizations/import/problems',
    component: ImportVerdict,
    props: () => ({ verdicts: VERDICTS }),
  },
  {
    id: 'organizations/import/all-good',
    component: ImportVerdict,
    props: () => ({ verdicts: VERDICTS.slice(1) }),
  },
];
