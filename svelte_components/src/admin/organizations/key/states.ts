/** How the states of keys are said and shown, here and in the list. */
import type { KeyState } from '../../../client/keys';
import type { MessageKey } from '../../../locale/keys';

type Tone = 'neutral' | 'good' | 'warn' | 'bad';

export const KEY_LABELS: Record<KeyState | 'problem', MessageKey> = {
  none: 'organizations.keyNone',
  active: 'organizations.keyActive',
  disabled: 'organizations.keyDisabled',
  lost: 'organizations.keyLost',
  needs_reentry: 'organizations.keyNeedsReentry',
  problem: 'organizations.keyProblem',
};

export const KEY_TONES: Record<KeyState | 'problem', Tone> = {
  none: 'neutral',
  active: 'good',
  disabled: 'warn',
  lost: 'bad',
  needs_reentry: 'bad',
  problem: 'bad',
};

/** What a key of this state does, and what to do about it. */
export const KEY_ADVICE: Record<KeyState, MessageKey> = {
  none: 'organizations.keyNoneText',
  active: 'organizations.keyActiveText',
  disabled: 'organizations.keyDisabledText',
  lost: 'organizations.keyLostText',
  needs_reentry: 'organizations.keyNeedsReentryText',
};
