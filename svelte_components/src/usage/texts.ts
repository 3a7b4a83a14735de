import type { Locale } from '../locale/locale';
import type { Days } from './courses';

/** "Oct 26 – Nov 24", with the years where there are two, or the day alone. */
export function daysText({ from, to }: Days, locale: Locale): string {
  if (from === to) return locale.day(from, 'long');
  const style = from.slice(0, 4) === to.slice(0, 4) ? 'short' : 'long';
  return locale.t('usage.days', { from: locale.day(from, style), to: locale.day(to, style) });
}
