import { afterEach, expect, it } from 'vitest';
import { daysOf } from './address';
import { placeState } from './place.svelte';

const TODAY = '2026-11-24';

afterEach(() => history.replaceState(null, '', '/'));

const at = (state: string) => {
  history.replaceState({ host: 1 }, '', `/c/1?usage=${encodeURIComponent(state)}&x=y#z`);
  return placeState(() => TODAY);
};
const address = () => new URLSearchParams(location.search).get('usage');

it('begins with the last thirty days, and leaves the address alone', () => {
  const place = at('');
  expect(place).toMatchObject({
    tab: 'overview',
    range: { preset: '30d', from: '2026-10-26', to: TODAY },
    drill: {},
  });
});

it('is found again by its address, the host’s parts of which stay', () => {
  const place = at('');
  place.open('users');
  place.choose({ preset: 'custom', from: '2026-09-01', to: '2026-09-30' });
  place.into('user', 'u&1=');
  place.into('model', 'a/b');
  expect(location.search).toContain('x=y');
  expect(location.hash).toBe('#z');
  expect(history.state).toEqual({ host: 1 });
  const again = placeState(() => TODAY);
  expect(again.drill).toEqual({ user: 'u&1=', model: 'a/b' });
  expect(again.range).toEqual({ preset: 'custom', from: '2026-09-01', to: '2026-09-30' });
  expect(again.tab).toBe('users');
});

it.each([
  'tab=nonsense&range=eternity',
  'range=custom&from=2026-11-30&to=2026-11-01',
  'range=custom&from=x',
  'day=yesterday',
  '%',
])('falls back on what makes sense for %s', (state) => {
  expect(at(state)).toMatchObject({ tab: 'overview', range: { preset: '30d' }, drill: {} });
});

it('goes back the way it came', () => {
  const place = at('model=a/b');
  place.into('user', 'u');
  place.into('day', '2026-11-20');
  expect(Object.keys(place.drill)).toEqual(['model', 'user', 'day']);
  expect(daysOf(place)).toMatchObject({ from: '2026-11-20', to: '2026-11-20' });
  place.back('user');
  expect(place.drill).toEqual({ model: 'a/b', user: 'u' });
  place.back(null);
  expect(place.drill).toEqual({});
  expect(address()).toBeNull();
});

it('leaves a day that is not looked at any more, and everything with another tab', () => {
  const place = at('day=2026-10-30&user=u');
  place.choose({ preset: '7d', from: '2026-11-18', to: TODAY });
  expect(place.drill).toEqual({ user: 'u' });
  place.open('models');
  expect(place.drill).toEqual({});
});

it('is forgotten by the address when the page is left', () => {
  const place = at('tab=models');
  place.leave();
  expect(address()).toBeNull();
});
