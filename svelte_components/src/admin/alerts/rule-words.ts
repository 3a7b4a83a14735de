/** What a rule watches, in one sentence. */
import type { Rule } from '../../client/alerts';
import type { Locale } from '../../locale/locale';

export function watchOf({ kind, parameters }: Rule, locale: Locale): string {
  switch (kind) {
    case 'limit':
      return parameters.thresholds
        ? locale.t('alerts.watchLimit', { marks: marksOf(parameters.thresholds, locale) })
        : locale.t('alerts.watchLimitUsual');
    case 'spend': {
      const amounts = (parameters.amounts ?? []).map((amount) => locale.money(amount)).join(', ');
      const isDaily = parameters.period === 'day';
      return locale.t(isDaily ? 'alerts.watchSpendDay' : 'alerts.watchSpendMonth', { amounts });
    }
    case 'spike': {
      const values = {
        factor: locale.decimal(parameters.factor ?? null),
        floor: locale.money(parameters.floor),
      };
      const ofWeekday = parameters.basis === 'weekday';
      return locale.t(ofWeekday ? 'alerts.watchSpikeWeekday' : 'alerts.watchSpikeDays', values);
    }
    case 'quiet': {
      const active = locale.count(parameters.active_days ?? 0);
      return locale.t('alerts.watchQuiet', { active }, parameters.quiet_days ?? 0);
    }
    case 'capture': {
      // Every digit counts: 99.95 is not 100.
      const percent = locale.decimal(parameters.percent ?? null);
      return locale.t('alerts.watchCapture', { percent });
    }
    case 'pending':
      return locale.t('alerts.watchPending', {}, parameters.hours ?? 0);
    case 'key':
      return locale.t('alerts.watchKey');
  }
}

function marksOf(thresholds: readonly number[], locale: Locale): string {
  return thresholds.map((mark) => locale.percent(String(mark))).join(', ');
}
