// @vitest-environment node
import { describe, expect, it } from 'vitest';
import {
  addDays,
  daysIn,
  eachDay,
  isDay,
  moved,
  previous,
  problemOf,
  rangeOf,
  readRange,
  writeRange,
  type Preset,
  type Range,
} from './range';

const TODAY = '2026-11-24';

describe('rangeOf', () => {
  it.each<[Preset, string, string]>([
    ['today', '2026-11-24', '2026-11-24'],
    ['7d', '2026-11-18', '2026-11-24'],
    ['30d', '2026-10-26', '2026-11-24'],
    ['90d', '2026-08-27', '2026-11-24'],
    ['month', '2026-11-01', '2026-11-24'],
    ['last-month', '2026-10-01', '2026-10-31'],
  ])('%s is %s to %s', (preset, from, to) => {
    expect(rangeOf(preset, TODAY)).toEqual({ preset, from, to });
  });

  it.each([
    ['7d', 7],
    ['30d', 30],
    ['90d', 90],
  ] as const)('%s are %d days, the day of a changed clock included', (preset, days) => {
    expect(daysIn(rangeOf(preset, '2026-03-31'))).toBe(days);
  });

  it('knows the month before January and before March', () => {
    expect(rangeOf('last-month', '2026-01-31')).toMatchObject({
      from: '2025-12-01',
      to: '2025-12-31',
    });
    expect(rangeOf('last-month', '2028-03-01')).toMatchObject({
      from: '2028-02-01',
      to: '2028-02-29',
    });
  });
});

describe('previous', () => {
  it.each<[Range, string, string]>([
    [rangeOf('today', TODAY), '2026-11-23', '2026-11-23'],
    [rangeOf('7d', TODAY), '2026-11-11', '2026-11-17'],
    [rangeOf('month', TODAY), '2026-10-01', '2026-10-24'],
    [rangeOf('last-month', TODAY), '2026-09-01', '2026-09-30'],
    [{ preset: 'custom', from: '2026-11-03', to: '2026-11-05' }, '2026-10-31', '2026-11-02'],
  ])('%j is compared with %s to %s', (range, from, to) => {
    expect(previous(range)).toEqual({ from, to });
  });

  it('compares a long month with the whole of a short one', () => {
    expect(previous(rangeOf('month', '2026-03-31'))).toEqual({
      from: '2026-02-01',
      to: '2026-02-28',
    });
  });
});

describe('problemOf', () => {
  it.each([
    ['2026-11-01', '2026-11-24', null],
    ['2025-11-24', '2026-11-24', null],
    ['2025-11-23', '2026-11-24', 'too-long'],
    ['0001-01-01', '2026-11-24', 'too-long'],
    ['2026-11-24', '2026-11-23', 'reversed'],
    ['2026-11-24', '2026-11-25', 'future'],
    ['', '2026-11-24', 'incomplete'],
    ['2026-02-30', '2026-11-24', 'incomplete'],
    ['yesterday', '2026-11-24', 'incomplete'],
  ])('of %s to %s is %s', (from, to, problem) => {
    expect(problemOf({ from, to }, TODAY, 366)).toBe(problem);
  });
});

describe('the address', () => {
  it.each<Range>([
    rangeOf('7d', TODAY),
    rangeOf('last-month', TODAY),
    { preset: 'custom', from: '2026-11-03', to: '2026-11-05' },
  ])('leads back to %j', (range) => {
    expect(readRange(new URLSearchParams(writeRange(range)), TODAY)).toEqual(range);
  });

  it.each(['', 'range=always', 'range=custom', 'range=custom&from=2026-11-05&to=2026-11-03'])(
    'shows the usual range for %j',
    (query) => {
      expect(readRange(new URLSearchParams(query), TODAY, '7d')).toEqual(rangeOf('7d', TODAY));
    },
  );
});

it('moves a preset on with the organization’s day and leaves picked days alone', () => {
  expect(moved(rangeOf('today', TODAY), '2026-11-25')).toEqual(rangeOf('today', '2026-11-25'));
  const picked: Range = { preset: 'custom', from: '2026-11-03', to: '2026-11-05' };
  expect(moved(picked, '2026-11-25')).toEqual(picked);
});

it('counts days over the end of a year and a leap day', () => {
  expect(addDays('2027-12-31', 1)).toBe('2028-01-01');
  expect(addDays('2028-03-01', -1)).toBe('2028-02-29');
  expect(eachDay({ from: '2028-02-28', to: '2028-03-01' })).toEqual([
    '2028-02-28',
    '2028-02-29',
    '2028-03-01',
  ]);
  expect(eachDay({ from: '2028-03-01', to: '2028-02-28' })).toEqual([]);
});

it.each([
  ['2028-02-29', true],
  ['2026-02-29', false],
  ['2026-2-9', false],
  ['', false],
])('%j is a day: %s', (text, expected) => {
  expect(isDay(text)).toBe(expected);
});
