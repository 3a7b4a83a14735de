import type { Story } from '../gallery/story';
import type { Locale } from '../locale/locale';
import BarChart from './BarChart.svelte';
import LineChart from './LineChart.svelte';
import ShareBar from './ShareBar.svelte';
import Sparkline from './Sparkline.svelte';
import { colorOf, REST_COLOR, type Point, type Series } from './types';

const DAYS = 30;
const HOSTILE = '<img src=x onerror=alert(1)> ' + 'very long model name '.repeat(9) + '🦜 مرحبا';

const MODELS: Series[] = [
  { key: 'sonnet', label: 'anthropic/claude-sonnet-4', color: colorOf(0) },
  { key: 'mini', label: 'openai/gpt-4o-mini', color: colorOf(1) },
  { key: 'flash', label: 'google/gemini-2.5-flash', color: colorOf(2) },
  { key: 'rest', label: 'Others', color: REST_COLOR },
];

function dayOf(index: number): string {
  return new Date(Date.UTC(2026, 9, 26 + index)).toISOString().slice(0, 10);
}

/** Weekdays with usage, weekends with almost none: the same each time. */
function pointsOf(locale: Locale, series: Series[], length = DAYS): Point[] {
  return Array.from({ length }, (_, index) => {
    const date = dayOf(index);
    const isQuiet = new Date(date).getUTCDay() % 6 === 0;
    const cents = series.map((_, place) =>
      isQuiet ? 0 : (((index * 7 + place * 13) % 11) + 1) * (series.length - place) * 9,
    );
    const money = (amount: number) => locale.money((amount / 100).toFixed(2));
    return {
      key: date,
      label: index === length - 1 ? 'Today' : locale.day(date),
      longLabel: locale.day(date, 'long'),
      values: Object.fromEntries(series.map(({ key }, place) => [key, (cents[place] ?? 0) / 100])),
      said: Object.fromEntries(series.map(({ key }, place) => [key, money(cents[place] ?? 0)])),
      total: money(cents.reduce((sum, each) => sum + each, 0)),
    };
  });
}

const measure = (locale: Locale) => ({
  tick: (value: number) => locale.moneyTick(value),
  whole: false,
});

const bars = (locale: Locale, series: Series[], length?: number) => ({
  points: pointsOf(locale, series, length),
  series,
  measure: measure(locale),
  label: 'Cost by day',
});

const rates = (locale: Locale) =>
  pointsOf(locale, MODELS.slice(0, 1)).map((point, index) => {
    const rate = index % 9 === 4 ? null : 98 + ((index * 5) % 20) / 10;
    return {
      ...point,
      values: { rate },
      said: { rate: locale.percent(rate === null ? null : String(rate)) },
    };
  });

export const stories: Story[] = [
  {
    id: 'charts/bars/one-series',
    component: BarChart,
    props: (locale) => bars(locale, MODELS.slice(0, 1)),
    width: 'wide',
  },
  {
    id: 'charts/bars/stacked',
    component: BarChart,
    props: (locale) => ({ ...bars(locale, MODELS), onpick: () => undefined }),
    width: 'wide',
  },
  {
    id: 'charts/bars/compared',
    component: BarChart,
    props: (locale) => ({
      ...bars(locale, MODELS.slice(0, 2)),
      compare: Array.from({ length: DAYS }, (_, index) => (index % 7) * 0.6),
      compareLabel: 'The 30 days before',
    }),
    width: 'wide',
  },
  {
    id: 'charts/bars/nothing',
    component: BarChart,
    props: (locale) => ({
      ...bars(locale, MODELS.slice(0, 1)),
      points: pointsOf(locale, []).map((point) => ({ ...point, said: { sonnet: '$0.00' } })),
    }),
    width: 'wide',
  },
  {
    id: 'charts/bars/one-day',
    component: BarChart,
    props: (locale) => bars(locale, MODELS, 1),
    width: 'wide',
  },
  {
    id: 'charts/bars/year',
    component: BarChart,
    props: (locale) => bars(locale, MODELS, 365),
    width: 'wide',
  },
  {
    id: 'charts/bars/loss',
    component: BarChart,
    props: (locale) => ({
      ...bars(locale, MODELS.slice(0, 1)),
      points: pointsOf(locale, MODELS.slice(0, 1)).map((point, index) => ({
        ...point,
        values: { sonnet: ((index % 5) - 2) * 0.4 },
      })),
    }),
    width: 'wide',
  },
  {
    id: 'charts/bars/hostile-names',
    component: BarChart,
    props: (locale) => {
      const series = MODELS.map((each) => ({ ...each, label: HOSTILE }));
      return bars(locale, series);
    },
    width: 'wide',
  },
  {
    id: 'charts/line/with-gaps',
    component: LineChart,
    props: (locale) => ({
      points: rates(locale),
      series: [{ key: 'rate', label: 'Capture rate', color: colorOf(0) }],
      measure: { tick: (value: number) => locale.percent(String(value)), whole: false },
      label: 'Capture rate by day',
      base: 'values',
    }),
    width: 'wide',
  },
  {
    id: 'charts/share/models',
    component: ShareBar,
    props: () => ({
      label: 'Cost by model',
      parts: MODELS.map(({ key, label, color }, index) => ({
        key,
        label,
        color,
        value: 8 / (index + 1),
        said: `${[48, 24, 16, 12][index]}%`,
      })),
    }),
    width: 'wide',
  },
  {
    id: 'charts/sparkline/month',
    component: Sparkline,
    props: () => ({
      values: Array.from({ length: DAYS }, (_, index) => (index * 7) % 11),
      label: 'Cost of the last 30 days',
    }),
    width: 'narrow',
  },
  {
    id: 'charts/sparkline/nothing',
    component: Sparkline,
    props: () => ({ values: Array.from({ length: DAYS }, () => 0), label: 'No usage' }),
    width: 'narrow',
  },
];
