/** What can be done with a key in each of its states; the server has the same rules. */
import type { KeyState, KeyStep } from '../../../client/keys';
import type { MessageKey } from '../../../locale/keys';

export interface KeyAction {
  step: KeyStep | 'enter';
  label: MessageKey;
  /** The question that is asked before; null for what harms nobody. */
  question: { title: MessageKey; text: MessageKey } | null;
  isDanger: boolean;
}

const PROVISION: KeyAction = {
  step: 'provision',
  label: 'organizations.keyProvision',
  question: null,
  isDanger: false,
};
const ROTATE: KeyAction = {
  step: 'rotate',
  label: 'organizations.keyRotate',
  question: {
    title: 'organizations.keyRotateTitle',
    text: 'organizations.keyRotateQuestion',
  },
  isDanger: false,
};
const DISABLE: KeyAction = {
  step: 'disable',
  label: 'organizations.keyDisable',
  question: {
    title: 'organizations.keyDisableTitle',
    text: 'organizations.keyDisableQuestion',
  },
  isDanger: true,
};
const ENABLE: KeyAction = {
  step: 'enable',
  label: 'organizations.keyEnable',
  question: null,
  isDanger: false,
};
const ENTER: KeyAction = {
  step: 'enter',
  label: 'organizations.keyEnter',
  question: null,
  isDanger: false,
};

/** The first one is what one most likely wants. */
export const KEY_ACTIONS: Record<KeyState, readonly KeyAction[]> = {
  none: [PROVISION, ENTER],
  // Another key cannot take an active one’s place: that is what rotating is for.
  active: [ROTATE, DISABLE],
  disabled: [ENABLE, ENTER],
  lost: [PROVISION, ENTER],
  needs_reentry: [ENTER, PROVISION],
};
