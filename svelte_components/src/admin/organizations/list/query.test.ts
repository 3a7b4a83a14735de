// @vitest-environment node
import { expect, it } from 'vitest';
import { queryOf, sortOf, textOfSort } from './query';

it('begins with those that spend most, without the deactivated ones', () => {
  expect(queryOf({})).toEqual({
    search: '',
    status: 'active',
    sort: 'spend',
    descending: true,
    offset: 0,
    limit: 25,
  });
});

it.each([
  [{ sort: 'limit' }, { sort: 'limit_used', descending: false }],
  [{ sort: '-name' }, { sort: 'name', descending: true }],
  [{ sort: 'constructor' }, { sort: 'spend', descending: true }],
  [{ status: 'all' }, { status: null }],
  [{ status: 'deactivated' }, { status: 'deactivated' }],
  [{ status: '<script>' }, { status: 'active' }],
  [{ offset: '50' }, { offset: 50 }],
  [{ offset: '-1' }, { offset: 0 }],
  [{ offset: '1.5' }, { offset: 0 }],
  [{ q: 'x'.repeat(300) }, { search: 'x'.repeat(200) }],
])('reads %j tolerantly', (params, expected) => {
  expect(queryOf(params as Record<string, string>)).toMatchObject(expected);
});

it.each(['-name', 'profit', null])('writes %j back as it was', (text) => {
  expect(textOfSort(sortOf(text ?? undefined))).toBe(text);
});
