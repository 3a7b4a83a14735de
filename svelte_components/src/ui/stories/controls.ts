import { LONG_NAME, LONG_SENTENCE, MARKUP_NAME, RTL_NAME } from '../../gallery/names';
import { words, type Story } from '../../gallery/story';
import Button from '../Button.svelte';
import CopyButton from '../CopyButton.svelte';
import IconButton from '../IconButton.svelte';
import Menu from '../Menu.svelte';
import Segmented from '../Segmented.svelte';
import Tabs from '../Tabs.svelte';
import AllIcons from './AllIcons.svelte';
import TabbedPage from './TabbedPage.svelte';
import TipOnTerm from './TipOnTerm.svelte';

const nothing = () => {};

const SECTIONS = [
  { id: 'overview', label: 'Overview' },
  { id: 'members', label: 'Members', count: 1204 },
  { id: 'prices', label: 'Prices' },
  { id: 'keys', label: 'Keys', count: 0 },
];

const ACTIONS = [
  { id: 'edit', label: 'Edit…', icon: 'edit', run: nothing },
  { id: 'export', label: 'Export as CSV', icon: 'download', run: nothing },
  { id: 'pause', label: 'Pause', icon: 'pause', disabled: true, run: nothing },
  { id: 'delete', label: 'Delete…', icon: 'trash', danger: true, run: nothing },
];

export const stories: Story[] = [
  {
    id: 'ui/button/primary',
    component: Button,
    props: () => ({ variant: 'primary', children: words('Save changes') }),
  },
  {
    id: 'ui/button/plain',
    component: Button,
    props: () => ({ icon: 'plus', children: words('New organization') }),
  },
  {
    id: 'ui/button/quiet',
    component: Button,
    props: () => ({
      variant: 'quiet',
      size: 'small',
      icon: 'refresh',
      children: words('Refresh'),
    }),
  },
  {
    id: 'ui/button/danger',
    component: Button,
    props: () => ({ variant: 'danger', children: words('Delete for good') }),
  },
  {
    id: 'ui/button/busy',
    component: Button,
    props: () => ({ variant: 'primary', busy: true, children: words('Saving…') }),
  },
  {
    id: 'ui/button/disabled',
    component: Button,
    props: () => ({ disabled: true, children: words('Not now') }),
  },
  {
    id: 'ui/button/long',
    component: Button,
    props: () => ({ icon: 'building', children: words(LONG_NAME) }),
  },
  {
    id: 'ui/icon-button/plain',
    component: IconButton,
    props: () => ({ icon: 'refresh', label: 'Refresh' }),
  },
  {
    id: 'ui/icon-button/pressed',
    component: IconButton,
    props: () => ({ icon: 'filter', label: 'Filter', pressed: true }),
  },
  { id: 'ui/icon/all', component: AllIcons, props: () => ({}), width: 'wide' },
  {
    id: 'ui/copy-button/plain',
    component: CopyButton,
    props: () => ({ text: 'whsec_1234', label: 'Copy the secret' }),
  },
  {
    id: 'ui/menu/plain',
    component: Menu,
    props: () => ({ label: 'What to do with Acme', items: ACTIONS }),
  },
  {
    id: 'ui/menu/odd-names',
    component: Menu,
    props: () => ({
      label: 'Organizations',
      icon: 'building',
      items: [LONG_SENTENCE, RTL_NAME, MARKUP_NAME].map((label) => ({
        id: label,
        label,
        run: nothing,
      })),
    }),
  },
  {
    id: 'ui/tabs/plain',
    component: Tabs,
    props: () => ({ label: 'Sections', tabs: SECTIONS, selected: 'members' }),
  },
  {
    id: 'ui/tabs/many',
    component: Tabs,
    props: () => ({
      label: 'Months',
      selected: 'm11',
      tabs: Array.from({ length: 12 }, (_, index) => ({
        id: `m${index + 1}`,
        label: `Month number ${index + 1}`,
      })),
    }),
  },
  { id: 'ui/tabs/with-panels', component: TabbedPage, props: () => ({}) },
  {
    id: 'ui/segmented/plain',
    component: Segmented,
    props: () => ({
      label: 'Measure',
      value: 'cost',
      options: [
        { value: 'cost', label: 'Cost' },
        { value: 'tokens', label: 'Tokens' },
        { value: 'requests', label: 'Requests' },
      ],
    }),
  },
  {
    id: 'ui/segmented/long',
    component: Segmented,
    props: () => ({
      label: 'Model',
      value: LONG_NAME,
      options: [LONG_NAME, RTL_NAME, MARKUP_NAME].map((value) => ({ value, label: value })),
    }),
  },
  { id: 'ui/tooltip/plain', component: TipOnTerm, props: () => ({}) },
];
