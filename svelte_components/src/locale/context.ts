import { getContext, setContext } from 'svelte';
import type { Locale } from './locale';

const KEY = Symbol('locale');

/** Gives the locale to everything drawn below the calling component. */
export function provideLocale(locale: Locale): void {
  setContext(KEY, locale);
}

/** The same for who mounts a component by hand, as the gallery and the tests do. */
export function localeContext(locale: Locale): Map<symbol, unknown> {
  return new Map([[KEY, locale]]);
}

export function useLocale(): Locale {
  const locale = getContext<Locale | undefined>(KEY);
  if (!locale) throw new Error('no locale was provided above this component');
  return locale;
}
