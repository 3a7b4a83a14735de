// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { barsOf } from './bars';
import type { Point } from './types';

const series = ['a', 'b'].map((key) => ({ key, label: key, color: key }));

function point(key: string, values: Point['values']): Point {
  return { key, label: key, longLabel: key, values, said: {} };
}

describe('barsOf', () => {
  it('puts the series of a point on top of each other, the last one at the end', () => {
    const bars = barsOf([point('mon', { a: 2, b: 3 })], series);
    expect(bars).toMatchObject([
      { key: 'mon', series: 'a', from: 0, to: 2, isEnd: false },
      { key: 'mon', series: 'b', from: 2, to: 5, isEnd: true },
    ]);
  });

  it('draws nothing for nothing and for what is not known', () => {
    const bars = barsOf([point('mon', { a: 0, b: null }), point('tue', { b: 1 })], series);
    expect(bars).toMatchObject([{ key: 'tue', series: 'b', from: 0, to: 1, isEnd: true }]);
  });

  it('draws a loss downwards from zero', () => {
    const bars = barsOf([point('mon', { a: -2, b: 3 })], series);
    expect(bars).toMatchObject([
      { series: 'a', from: 0, to: -2, isEnd: true },
      { series: 'b', from: 0, to: 3, isEnd: true },
    ]);
  });
});
