// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { centerOf, indexAt, labelled, scaleOf } from './scale';

describe('scaleOf', () => {
  it('has round ticks from zero to above the largest value', () => {
    const scale = scaleOf([0.12, 0.55, 0], false);
    expect(scale.ticks).toEqual([0, 0.2, 0.4, 0.6]);
    expect(scale.heightOf(0.3)).toBeCloseTo(0.5);
  });

  it.each([[1], [2], [3], [41]])('keeps fractions off the axis of a count up to %d', (largest) => {
    const { ticks, heightOf } = scaleOf([largest], true);
    expect(ticks.every(Number.isInteger)).toBe(true);
    expect(ticks.length).toBeGreaterThan(1);
    expect(heightOf(largest)).toBeLessThanOrEqual(1);
  });

  it('works for a fraction of a cent', () => {
    expect(scaleOf([0.00000042], false).heightOf(0.00000042)).toBeGreaterThan(0.5);
  });

  it('is flat without usage', () => {
    const scale = scaleOf([0, 0], false);
    expect(scale.ticks).toEqual([0]);
    expect(scale.heightOf(0)).toBe(0);
  });
});

it('finds the bar below a point, and none outside the chart', () => {
  expect(indexAt(0, 30)).toBe(0);
  expect(indexAt(0.999, 30)).toBe(29);
  expect(indexAt(-0.5, 30)).toBe(0);
  expect(indexAt(1.5, 30)).toBe(29);
  expect(indexAt(centerOf(12, 30) / 100, 30)).toBe(12);
});

it('labels today and the weeks before it', () => {
  expect(labelled(30)).toEqual([1, 8, 15, 22, 29]);
  expect(labelled(1)).toEqual([0]);
  expect(labelled(0)).toEqual([]);
});
