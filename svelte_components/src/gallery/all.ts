import type { Story } from './story';

const found = import.meta.glob<{ stories: Story[] }>('../**/stories.ts', { eager: true });

export const stories: Story[] = Object.values(found)
  .flatMap((module) => module.stories)
  .sort((one, other) => one.id.localeCompare(other.id));

export function storyOf(id: string): Story {
  const story = stories.find((each) => each.id === id);
  if (!story) throw new Error(`there is no story ${id}`);
  return story;
}
