import { LONG_NAME, LONG_SENTENCE, MARKUP_NAME, RTL_NAME } from '../../gallery/names';
import type { Story } from '../../gallery/story';
import CheckField from '../CheckField.svelte';
import ChoiceField from '../ChoiceField.svelte';
import DateField from '../DateField.svelte';
import RangePicker from '../RangePicker.svelte';
import SearchField from '../SearchField.svelte';
import SelectField from '../SelectField.svelte';
import SwitchField from '../SwitchField.svelte';
import TextField from '../TextField.svelte';

const TODAY = '2026-11-24';

const CURRENCIES = ['USD', 'EUR', 'PLN'].map((value) => ({ value, label: value }));

const POLICIES = [
  { value: 'block', label: 'Refuse', hint: 'No call is made that could go past the limit.' },
  { value: 'warn', label: 'Only tell', hint: 'Calls go on, and managers are told.' },
];

export const stories: Story[] = [
  {
    id: 'ui/text-field/plain',
    component: TextField,
    props: () => ({ label: 'Name', value: 'Acme', hint: 'As it stands on statements.' }),
  },
  {
    id: 'ui/text-field/empty',
    component: TextField,
    props: () => ({ label: 'Name', placeholder: 'Acme', required: true }),
  },
  {
    id: 'ui/text-field/error',
    component: TextField,
    props: () => ({
      label: 'Name',
      value: LONG_NAME,
      hint: 'At most 120 characters.',
      error: `“${MARKUP_NAME}” is taken already.`,
    }),
  },
  {
    id: 'ui/text-field/affixes',
    component: TextField,
    props: () => ({
      label: 'Monthly limit',
      value: '1250.00',
      prefix: '$',
      suffix: 'per month',
      inputmode: 'decimal',
    }),
  },
  {
    id: 'ui/text-field/multiline',
    component: TextField,
    props: () => ({ label: 'Note', multiline: true, value: LONG_SENTENCE, maxlength: 500 }),
  },
  {
    id: 'ui/text-field/disabled',
    component: TextField,
    props: () => ({ label: 'Slug', value: 'acme', disabled: true }),
  },
  {
    id: 'ui/select-field/plain',
    component: SelectField,
    props: () => ({ label: 'Currency', value: 'PLN', options: CURRENCIES }),
  },
  {
    id: 'ui/select-field/error',
    component: SelectField,
    props: () => ({
      label: 'Organization',
      value: LONG_NAME,
      options: [LONG_NAME, RTL_NAME].map((value) => ({ value, label: value })),
      error: 'It is not active.',
    }),
  },
  {
    id: 'ui/switch-field/on',
    component: SwitchField,
    props: () => ({ label: 'Active', checked: true, hint: 'Members can make calls.' }),
  },
  {
    id: 'ui/switch-field/off',
    component: SwitchField,
    props: () => ({ label: LONG_SENTENCE, checked: false, error: 'It could not be changed.' }),
  },
  {
    id: 'ui/check-field/plain',
    component: CheckField,
    props: () => ({ label: 'With the tasks behind the chat', hint: 'Titles, tags and the like.' }),
  },
  {
    id: 'ui/choice-field/plain',
    component: ChoiceField,
    props: () => ({ label: 'At the limit', value: 'block', options: POLICIES }),
  },
  {
    id: 'ui/choice-field/error',
    component: ChoiceField,
    props: () => ({
      label: 'At the limit',
      hint: 'It holds from the next call on.',
      error: 'Choose one.',
      options: [...POLICIES, { value: 'x', label: MARKUP_NAME, hint: RTL_NAME, disabled: true }],
    }),
  },
  {
    id: 'ui/date-field/plain',
    component: DateField,
    props: () => ({ label: 'Valid from', value: TODAY, min: '2026-01-01' }),
  },
  {
    id: 'ui/date-field/error',
    component: DateField,
    props: () => ({ label: 'Valid from', required: true, error: 'Choose a day.' }),
  },
  {
    id: 'ui/search-field/empty',
    component: SearchField,
    props: () => ({ label: 'Find an organization' }),
  },
  {
    id: 'ui/search-field/full',
    component: SearchField,
    props: () => ({ label: 'Find an organization', value: LONG_NAME }),
  },
  {
    id: 'ui/range-picker/preset',
    component: RangePicker,
    props: () => ({
      today: TODAY,
      value: { preset: '30d', from: '2026-10-26', to: TODAY },
    }),
  },
  {
    id: 'ui/range-picker/custom',
    component: RangePicker,
    props: () => ({
      today: TODAY,
      value: { preset: 'custom', from: '2026-11-03', to: '2026-11-10' },
    }),
  },
  {
    id: 'ui/range-picker/reversed',
    component: RangePicker,
    props: () => ({
      today: TODAY,
      value: { preset: 'custom', from: '2026-11-10', to: '2026-11-03' },
    }),
  },
];
