import { render } from '@testing-library/svelte';
import type { Story } from '../gallery/story';
import { localeContext } from '../locale/context';
import { toastQueue, toastsContext } from '../ui/toasts';
import { english } from './locale';

/** Draws a story by its id, with other properties where a test wants some. */
export function renderStory(
  stories: readonly Story[],
  id: string,
  { locale = english(), props = {} }: { locale?: ReturnType<typeof english>; props?: object } = {},
) {
  const story = stories.find((each) => each.id === id);
  if (!story) throw new Error(`there is no story ${id}`);
  const toasts = toastQueue();
  const context = new Map<symbol, unknown>([...localeContext(locale), toastsContext(toasts)]);
  const view = render(story.component, {
    props: { ...story.props(locale), ...props },
    context,
  });
  return { ...view, toasts };
}
