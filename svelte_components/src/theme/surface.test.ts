import { afterEach, expect, it } from 'vitest';
import { surfaceAround } from './surface';

afterEach(() => document.body.replaceChildren());

function nested(...colours: string[]): Element {
  let inner: Element = document.body;
  for (const colour of colours) {
    const child = document.createElement('div');
    child.style.backgroundColor = colour;
    inner.append(child);
    inner = child;
  }
  return inner;
}

it.each([
  [['rgb(10, 20, 30)', 'transparent', ''], 'rgb(10, 20, 30)'],
  [['rgb(1, 2, 3)', 'rgba(9, 9, 9, 0.5)', ''], 'rgb(1, 2, 3)'],
  [['rgb(1, 2, 3)', 'rgb(4, 5, 6)', ''], 'rgb(4, 5, 6)'],
])('finds the nearest opaque colour around: %j', (colours, found) => {
  expect(surfaceAround(nested(...colours))).toBe(found);
});

it('looks out of a shadow root', () => {
  const host = nested('rgb(7, 8, 9)', '');
  const inside = document.createElement('p');
  host.attachShadow({ mode: 'open' }).append(inside);
  expect(surfaceAround(inside)).toBe('rgb(7, 8, 9)');
});

it('says nothing where nothing is drawn', () => {
  expect(surfaceAround(nested(''))).toBe('');
});
