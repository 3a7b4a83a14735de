/**
 * The maths of the bar chart. Thirty bars need round ticks and little else, so we take just those
 * from d3-array (what the large chart libraries stand on themselves) and place bars by per cent.
 */
import { nice, ticks } from 'd3-array';

const TICKS = 3;
/** Gaps between labels: thirty days in four gaps are weeks. */
const GAPS = 4;

export interface Scale {
  /** Ascending, beginning with 0, the last one at or above every bar. */
  ticks: number[];
  /** Share of the chart's height, 0 … 1. */
  heightOf(value: number): number;
}

/** The vertical scale for these values. `whole` keeps fractions off the axis. */
export function scaleOf(values: readonly number[], whole: boolean): Scale {
  const largest = Math.max(0, ...values);
  if (largest === 0) return { ticks: [0], heightOf: () => 0 };
  const [, top] = nice(0, whole ? Math.max(largest, 2) : largest, TICKS);
  const marks = ticks(0, top, TICKS).filter((tick) => !whole || Number.isInteger(tick));
  return { ticks: marks, heightOf: (value) => value / top };
}

/** Where the middle of a bar is, in per cent of the width. */
export function centerOf(index: number, length: number): number {
  return ((index + 0.5) / length) * 100;
}

/** The bar below a point, `share` being 0 at the left edge and 1 at the right one. */
export function indexAt(share: number, length: number): number {
  return Math.min(length - 1, Math.max(0, Math.floor(share * length)));
}

/** Which days get a label on the axis: today and every so many before it, in ascending order. */
export function labelled(length: number): number[] {
  const step = Math.max(1, Math.floor((length - 1) / GAPS));
  const indexes: number[] = [];
  for (let index = length - 1; index >= 0; index -= step) indexes.unshift(index);
  return indexes;
}
