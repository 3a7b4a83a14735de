import { expect, it } from 'vitest';
import { violationsIn } from '../testing/axe';
import { renderStory } from '../testing/story';
import { stories } from './stories';

it.each(stories.map(({ id }) => id))(
  '%s serves everybody and draws no markup of a name',
  async (id) => {
    const { baseElement } = renderStory(stories, id);
    expect(await violationsIn(baseElement)).toEqual([]);
    expect(baseElement.querySelector('img, b')).toBeNull();
  },
);
