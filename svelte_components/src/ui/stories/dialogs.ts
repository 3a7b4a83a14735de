import { LONG_NAME, LONG_SENTENCE, MARKUP_NAME } from '../../gallery/names';
import { words, type Story } from '../../gallery/story';
import Confirm from '../Confirm.svelte';
import Sheet from '../Sheet.svelte';
import SheetPage from './SheetPage.svelte';
import ToastPage from './ToastPage.svelte';

const done = async () => true;

export const stories: Story[] = [
  {
    id: 'ui/sheet/details',
    component: Sheet,
    props: () => ({
      open: true,
      title: 'Acme',
      subtitle: 'Active since Nov 2, 2026',
      children: words('What there is to know.'),
    }),
  },
  {
    id: 'ui/sheet/wide',
    component: Sheet,
    props: () => ({
      open: true,
      size: 'wide',
      title: 'Acme',
      children: words('Much to know.'),
      footer: words('Buttons'),
    }),
    width: 'wide',
  },
  {
    id: 'ui/sheet/odd-names',
    component: Sheet,
    props: () => ({
      open: true,
      title: LONG_NAME,
      subtitle: MARKUP_NAME,
      children: words(LONG_SENTENCE.repeat(30)),
    }),
  },
  { id: 'ui/sheet/form', component: SheetPage, props: () => ({ open: true }) },
  { id: 'ui/sheet/closed', component: SheetPage, props: () => ({}) },
  {
    id: 'ui/confirm/plain',
    component: Confirm,
    props: () => ({
      open: true,
      title: 'Close the month?',
      text: 'November can then no longer be changed.',
      confirm: 'Close the month',
      onconfirm: done,
    }),
  },
  {
    id: 'ui/confirm/typed',
    component: Confirm,
    props: () => ({
      open: true,
      title: 'Delete Acme?',
      text: 'Its members can make no more calls.',
      confirm: 'Delete',
      danger: true,
      typed: 'acme',
      onconfirm: done,
    }),
  },
  {
    id: 'ui/confirm/odd-names',
    component: Confirm,
    props: () => ({
      open: true,
      title: `Delete ${MARKUP_NAME}?`,
      text: LONG_NAME,
      confirm: 'Delete',
      danger: true,
      typed: LONG_NAME,
      onconfirm: done,
    }),
  },
  { id: 'ui/toasts/all', component: ToastPage, props: () => ({}) },
];
