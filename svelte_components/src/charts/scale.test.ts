// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { axisOf, centerOf, closeAxisOf, indexAt, labelled } from './scale';

describe('axisOf', () => {
  it('has round ticks from zero to above the largest value', () => {
    expect(axisOf([0.12, 0.55, 0], false)).toEqual({
      domain: [0, 0.6],
      ticks: [0, 0.2, 0.4, 0.6],
    });
  });

  it.each([[1], [2], [3], [41]])('keeps fractions off the axis of a count up to %d', (largest) => {
    const { ticks, domain } = axisOf([largest], true);
    expect(ticks.every(Number.isInteger)).toBe(true);
    expect(ticks.length).toBeGreaterThan(1);
    expect(domain[1]).toBeGreaterThanOrEqual(largest);
  });

  it('reaches below zero where a value does, and shows zero', () => {
    const { domain, ticks } = axisOf([-3, 8], false);
    expect(domain[0]).toBeLessThanOrEqual(-3);
    expect(ticks).toContain(0);
  });

  it('works for a fraction of a cent, and without usage', () => {
    expect(axisOf([0.00000042], false).domain[1]).toBeLessThan(0.000001);
    expect(axisOf([0, 0], false).ticks).toEqual([0]);
    expect(axisOf([], true).ticks).toEqual([0]);
  });
});

describe('closeAxisOf', () => {
  it('stays near the values', () => {
    const { domain, ticks } = closeAxisOf([98.2, 99.6]);
    expect(domain[0]).toBeGreaterThan(97);
    expect(domain[0]).toBeLessThanOrEqual(98.2);
    expect(domain[1]).toBeGreaterThanOrEqual(99.6);
    expect(ticks.length).toBeGreaterThan(1);
  });

  it.each([[[100, 100]], [[0]], [[]]])('has room around %j', (values) => {
    const { domain, ticks } = closeAxisOf(values);
    expect(domain[1]).toBeGreaterThan(domain[0]);
    expect(ticks.length).toBeGreaterThan(0);
  });
});

it('finds the point below a place, and none outside the chart', () => {
  expect(indexAt(0, 30)).toBe(0);
  expect(indexAt(0.999, 30)).toBe(29);
  expect(indexAt(-0.5, 30)).toBe(0);
  expect(indexAt(1.5, 30)).toBe(29);
  expect(indexAt(centerOf(12, 30) / 100, 30)).toBe(12);
});

it('labels the last point and few before it', () => {
  expect(labelled(29)).toEqual([0, 7, 14, 21, 28]);
  expect(labelled(365)).toHaveLength(5);
  expect(labelled(1)).toEqual([0]);
  expect(labelled(0)).toEqual([]);
});
