import { configure, render } from '@testing-library/svelte';
import { get } from 'svelte/store';
import { vi } from 'vitest';
import type { SectionComponent } from '../admin/sections';
import type { Params } from '../admin/address';
import { localeContext } from '../locale/context';
import type { Locale } from '../locale/locale';
import { toastQueue, toastsContext } from '../ui/toasts';
import { english } from './locale';
import { placeAt } from './place.svelte';

// A busy machine takes its time over a whole section.
configure({ asyncUtilTimeout: 10_000 });
vi.setConfig({ testTimeout: 30_000 });

/** A section of the panel, drawn alone. `said` are the toasts it has shown. */
export function showSection(
  component: SectionComponent,
  params: Params = {},
  locale: Locale = english(),
) {
  const place = placeAt(params);
  const toasts = toastQueue();
  const context = new Map<symbol, unknown>([...localeContext(locale), toastsContext(toasts)]);
  const view = render(component, { props: { place }, context });
  return { ...view, place, toasts, said: () => get(toasts.shown).map(({ text }) => text) };
}
