/** The maths of the charts' axes. */
import { nice, ticks } from 'd3-array';

const TICKS = 3;
/** Gaps between labels: thirty days in four gaps are weeks. */
const GAPS = 4;

export interface Axis {
  /** The lowest and the highest value that can be drawn. */
  domain: [number, number];
  /** Ascending. */
  ticks: number[];
}

/** A vertical axis around zero and these values. `whole` keeps fractions off it. */
export function axisOf(values: readonly number[], whole: boolean): Axis {
  const lowest = Math.min(0, ...values);
  const highest = Math.max(0, ...values);
  if (lowest === 0 && highest === 0) return { domain: [0, 1], ticks: [0] };
  const domain = nice(lowest, whole ? Math.max(highest, 2) : highest, TICKS);
  const marks = ticks(domain[0], domain[1], TICKS);
  return { domain, ticks: marks.filter((tick) => !whole || Number.isInteger(tick)) };
}

/** A vertical axis around these values alone: for rates, whose course matters more than their size. */
export function closeAxisOf(values: readonly number[]): Axis {
  if (values.length === 0) return axisOf([], false);
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const room = lowest === highest ? Math.abs(lowest) * 0.1 || 1 : 0;
  const domain = nice(lowest - room, highest + room, TICKS);
  return { domain, ticks: ticks(domain[0], domain[1], TICKS) };
}

/** The point below a place, `share` being 0 at the left edge and 1 at the right one. */
export function indexAt(share: number, length: number): number {
  return Math.min(length - 1, Math.max(0, Math.floor(share * length)));
}

/** Where the middle of a point is, in per cent of the width. */
export function centerOf(index: number, length: number): number {
  return ((index + 0.5) / length) * 100;
}

/** Which points get a label: the last one and every so many before it, in ascending order. */
export function labelled(length: number, gaps = GAPS): number[] {
  const step = Math.max(1, Math.ceil((length - 1) / gaps));
  const indexes: number[] = [];
  for (let index = length - 1; index >= 0; index -= step) indexes.unshift(index);
  return indexes;
}
