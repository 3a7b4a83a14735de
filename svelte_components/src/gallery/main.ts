/**
 * Draws stories one at a time, for pictures and for the tests in a real browser. `window.gallery`
 * is how they ask for one; `#<id>` after the address shows it to a person.
 */
import { mount, tick, unmount } from 'svelte';
import { adminEdition } from '../locale/admin';
import { localeOf } from '../locale/locale';
import { tabEdition } from '../locale/tab';
import type { Texts } from '../locale/texts';
import Stage from './Stage.svelte';
import { stories, storyOf } from './all';

export interface Look {
  theme: 'light' | 'dark';
  language: 'en-US' | 'pl-PL' | 'ar';
}

const ENGLISH = { ...adminEdition.english, ...tabEdition.english };

let drawn: Record<string, unknown> | undefined;

async function textsOf(language: string): Promise<Texts> {
  const load = [adminEdition, tabEdition].map((edition) => edition.builtIn[language.slice(0, 2)]);
  return Object.assign({}, ...(await Promise.all(load.map((each) => each?.()))));
}

async function show(id: string, { theme, language }: Look): Promise<void> {
  if (drawn) await unmount(drawn);
  document.documentElement.className = theme;
  const stage = document.createElement('main');
  const target = stage.attachShadow({ mode: 'open' });
  document.body.replaceChildren(stage);
  const locale = localeOf(language, ENGLISH, await textsOf(language));
  drawn = mount(Stage, { target, props: { story: storyOf(id), locale } });
  // Once for what effects draw, and once for what is measured after that.
  await tick();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

function list(): void {
  const items = stories.map(({ id }) => {
    const link = document.createElement('a');
    link.href = `#${id}`;
    link.textContent = id;
    const item = document.createElement('li');
    item.append(link);
    return item;
  });
  const all = document.createElement('ul');
  all.append(...items);
  document.body.replaceChildren(all);
}

function follow(): void {
  const id = decodeURIComponent(location.hash.slice(1));
  if (id) void show(id, { theme: 'light', language: 'en-US' });
  else list();
}

declare global {
  interface Window {
    gallery: { ids: string[]; show: typeof show };
  }
}

window.gallery = { ids: stories.map(({ id }) => id), show };
addEventListener('hashchange', follow);
follow();
