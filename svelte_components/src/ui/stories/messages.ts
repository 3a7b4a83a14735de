import type { Failure as Trouble } from '../../client/http';
import { LONG_NAME, LONG_SENTENCE, MARKUP_NAME } from '../../gallery/names';
import type { Story } from '../../gallery/story';
import EmptyState from '../EmptyState.svelte';
import Failure from '../Failure.svelte';
import { FAILURE_KINDS } from '../failures';
import Notice from '../Notice.svelte';
import Skeleton from '../Skeleton.svelte';

const nothing = () => {};

const TROUBLE: Omit<Trouble, 'kind'> = {
  status: 0,
  detail: '',
  fields: [],
  retryAfterMs: null,
};

export const stories: Story[] = [
  ...(['plain', 'warning', 'bad', 'good'] as const).map((tone) => ({
    id: `ui/notice/${tone}`,
    component: Notice,
    props: () => ({
      tone,
      title: 'The figures are ten minutes old',
      text: 'The server has not answered since.',
      action: { label: 'Try again', run: nothing },
    }),
  })),
  {
    id: 'ui/notice/odd-names',
    component: Notice,
    props: () => ({ tone: 'bad', title: LONG_NAME, text: MARKUP_NAME, detail: LONG_SENTENCE }),
  },
  ...FAILURE_KINDS.map((kind) => ({
    id: `ui/failure/${kind}`,
    component: Failure,
    props: () => ({
      failure: { ...TROUBLE, kind, status: 500, detail: 'the database is locked' },
      onretry: nothing,
      onsignin: nothing,
    }),
  })),
  {
    id: 'ui/failure/later',
    component: Failure,
    props: () => ({
      failure: { ...TROUBLE, kind: 'busy', status: 429, retryAfterMs: 30_000 },
      onretry: nothing,
    }),
  },
  {
    id: 'ui/failure/fields',
    component: Failure,
    props: () => ({
      tone: 'bad',
      failure: {
        ...TROUBLE,
        kind: 'invalid',
        status: 422,
        detail: MARKUP_NAME,
        fields: [
          { field: 'monthly_limit', message: 'must not be negative' },
          { field: LONG_NAME, message: LONG_SENTENCE },
        ],
      },
    }),
  },
  {
    id: 'ui/empty-state/plain',
    component: EmptyState,
    props: () => ({
      icon: 'building',
      title: 'No organization yet',
      text: 'Each client is an organization with members of its own.',
      action: { label: 'New organization', run: nothing },
    }),
  },
  {
    id: 'ui/empty-state/odd-names',
    component: EmptyState,
    props: () => ({
      title: LONG_NAME,
      text: MARKUP_NAME,
      action: { label: LONG_SENTENCE, run: nothing },
    }),
  },
  ...['cards', 'chart', 'table', 'form'].map((shape) => ({
    id: `ui/skeleton/${shape}`,
    component: Skeleton,
    props: () => ({ shape, label: 'Usage is being loaded' }),
  })),
];
