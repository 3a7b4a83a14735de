/** What the charts are given. Numbers are heights of drawings; what is said of them comes as text. */

export interface Series {
  key: string;
  label: string;
  /** A CSS colour, such as `var(--series-1)`. */
  color: string;
}

/** Everything about one day, or one month, or whatever the axis counts. */
export interface Point {
  key: string;
  /** Below the axis. */
  label: string;
  /** In the tip and for screen readers. */
  longLabel: string;
  /** By series; a missing or null one is not known, which is not nothing. */
  values: Record<string, number | null>;
  /** The exact values in words, by series. */
  said: Record<string, string>;
  /** The sum in words, where there is one. */
  total?: string;
  /** A remark of this point, such as that it is still going on. */
  note?: string;
}

export interface Measure {
  /** The label of a tick on the axis: short. */
  tick(value: number): string;
  /** Halves of these do not exist, so the axis must not show them. */
  whole: boolean;
}

/** The colours of the series, in order; what is folded together has one of its own. */
export const PALETTE = [1, 2, 3, 4, 5, 6, 7, 8].map((index) => `var(--series-${index})`);
export const REST_COLOR = 'var(--series-rest)';

export function colorOf(index: number): string {
  return PALETTE[index % PALETTE.length] ?? REST_COLOR;
}
