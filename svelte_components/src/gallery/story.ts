import { createRawSnippet, type Component, type Snippet } from 'svelte';
import type { Locale } from '../locale/locale';

/** A component in one of its states, as the gallery draws it and the tests try it. */
export interface Story {
  /** `folder/component/state`, unique; it is the picture's name, too. */
  id: string;
  // Stories of all components stand in one list, and each knows its own properties.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  component: Component<any>;
  props: (locale: Locale) => Record<string, unknown>;
  /** `wide` is a panel of its own, `narrow` a part inside one. */
  width?: 'narrow' | 'wide';
}

/** Text as the children of a component. It is text, whatever it looks like. */
export function words(content: string): Snippet {
  return createRawSnippet(() => ({
    render: () => '<span></span>',
    setup: (element) => {
      element.textContent = content;
    },
  }));
}
