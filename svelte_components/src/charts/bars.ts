/** Bars on top of each other: what is above zero goes up, what is below goes down. */
import { stackOffsetDiverging } from 'd3-shape';
import { stack } from 'layercake';
import type { Point, Series } from './types';

export interface Bar {
  /** The point's. */
  key: string;
  /** The series'. */
  series: string;
  color: string;
  from: number;
  to: number;
  /** The outermost one of its point. */
  isEnd: boolean;
}

type Layer = ([number, number] & { data: Point })[];

export function barsOf(points: readonly Point[], series: readonly Series[]): Bar[] {
  const layers: Layer[] = stack(
    [...points],
    series.map(({ key }) => key),
    {
      value: ((point: Point, key: string) => point.values[key] ?? 0) as () => number,
      offset: stackOffsetDiverging,
    },
  );
  const bars = layers.flatMap((layer, index) =>
    layer.map((span) => ({ span, series: series[index] as Series })),
  );
  const ends = new Map<string, number>();
  const drawn = bars
    .map(({ span, series }): Bar => {
      const isBelow = (span.data.values[series.key] ?? 0) < 0;
      const [low, high] = [span[0], span[1]];
      return {
        key: span.data.key,
        series: series.key,
        color: series.color,
        from: isBelow ? high : low,
        to: isBelow ? low : high,
        isEnd: false,
      };
    })
    .filter(({ from, to }) => from !== to);
  drawn.forEach(({ key, to }, index) => ends.set(`${key} ${to < 0}`, index));
  const last = new Set(ends.values());
  return drawn.map((bar, index) => ({ ...bar, isEnd: last.has(index) }));
}

/** All heights that must fit: of the stacks, and of what is compared with. */
export function heightsOf(bars: readonly Bar[], compare: readonly number[]): number[] {
  return [...bars.map(({ to }) => to), ...compare];
}
