/** What a comparison found, and what that asks of a person. */
import type { BroadcastFinding, Finding } from '../../client/reconciliation';
import type { MessageKey } from '../../locale/keys';

interface Words {
  name: MessageKey;
  /** What to do. */
  advice: MessageKey;
  tone: 'good' | 'info' | 'warn' | 'bad';
}

export const FINDING_WORDS: Record<Finding, Words> = {
  exact: { name: 'reconciliation.exact', advice: 'reconciliation.exactAdvice', tone: 'good' },
  adjusted: {
    name: 'reconciliation.adjusted',
    advice: 'reconciliation.adjustedAdvice',
    tone: 'info',
  },
  waiting: { name: 'reconciliation.waiting', advice: 'reconciliation.waitingAdvice', tone: 'warn' },
  unexplained: {
    name: 'reconciliation.unexplained',
    advice: 'reconciliation.unexplainedAdvice',
    tone: 'bad',
  },
};

export const BROADCAST_WORDS: Record<BroadcastFinding, Words> = {
  waiting: {
    name: 'reconciliation.toldWaiting',
    advice: 'reconciliation.toldWaitingAdvice',
    tone: 'info',
  },
  booked: {
    name: 'reconciliation.toldBooked',
    advice: 'reconciliation.toldBookedAdvice',
    tone: 'good',
  },
  differs: {
    name: 'reconciliation.toldDiffers',
    advice: 'reconciliation.toldDiffersAdvice',
    tone: 'bad',
  },
  late: { name: 'reconciliation.toldLate', advice: 'reconciliation.toldLateAdvice', tone: 'warn' },
};
