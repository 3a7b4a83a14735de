import { expect, it } from 'vitest';
import { violationsIn } from '../testing/axe';
import { renderStory } from '../testing/story';
import { stories as audit } from './audit/stories';
import { stories as health } from './health/stories';
import { stories as home } from './home/stories';
import { stories as settings } from './settings/stories';
import { stories as setup } from './setup/stories';

const stories = [...audit, ...health, ...home, ...settings, ...setup];

it.each(stories.map(({ id }) => id))(
  '%s serves everybody and draws no markup of a name',
  async (id) => {
    const { baseElement } = renderStory(stories, id);
    expect(await violationsIn(baseElement)).toEqual([]);
    expect(baseElement.querySelector('img')).toBeNull();
    expect(baseElement.textContent).not.toMatch(/\bundefined\b|\bNaN\b|\{count\}|\{name\}/);
  },
  // axe looks at each of four hundred time zones.
  30_000,
);
