import type { RateSource } from '../../client/billing';
import type { MessageKey } from '../../locale/keys';

/** Where rates come from. */
export const SOURCE_NAMES: Record<RateSource, MessageKey> = {
  manual: 'billing.byHand',
  ecb: 'billing.ecb',
  nbp: 'billing.nbp',
};
