import type { Locale } from '../locale/locale';
import type { Days } from './courses';

/** "Oct 26 – Nov 24", or the day alone. */
export function daysText({ from, to }: Days, locale: Locale): string {
  if (from === to) return locale.day(from, 'long');
  return locale.t('usage.days', { from: locale.day(from), to: locale.day(to) });
}
