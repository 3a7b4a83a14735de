import { expect, it, vi } from 'vitest';
import { violationsIn } from '../../testing/axe';
import { renderStory } from '../../testing/story';
import { stories as editor } from './editor/stories';
import { stories as list } from './list/stories';
import { stories as members } from './members/stories';
import { stories as prices } from './prices/stories';

// Axe looks at every element, and a form has many.
vi.setConfig({ testTimeout: 30_000 });

const stories = [...editor, ...list, ...members, ...prices];

it.each(stories.map(({ id }) => [id]))('draws %s, and axe finds nothing', async (id) => {
  const { container } = renderStory(stories, id);
  expect(container.querySelector('img')).toBeNull();
  expect(await violationsIn(container)).toEqual([]);
});
