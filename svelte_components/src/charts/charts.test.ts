import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { expect, it, vi } from 'vitest';
import type { Story } from '../gallery/story';
import { localeContext } from '../locale/context';
import { english } from '../testing/locale';
import { stories } from './stories';

const locale = english();

function show(id: string, more: Record<string, unknown> = {}) {
  const { component, props } = stories.find((story) => story.id === id) as Story;
  return render(component, {
    props: { ...props(locale), ...more },
    context: localeContext(locale),
  });
}

const chart = () => screen.getByRole('slider');
const said = () => chart().getAttribute('aria-valuetext');
const bars = (container: HTMLElement) => [...container.querySelectorAll('.bar')];

it.each(stories.map((story) => [story.id]))('draws %s', (id) => {
  const { container } = show(id);
  expect(container.querySelector('svg, .share')).not.toBeNull();
  expect(container.querySelector('img')).toBeNull();
});

it('stands on the last day, and goes through the days by keys', async () => {
  show('charts/bars/one-series');
  expect(said()).toMatch(/Tue, Nov 24, 2026: anthropic\/claude-sonnet-4 \$/);
  await fireEvent.keyDown(chart(), { key: 'ArrowLeft' });
  expect(said()).toMatch(/Mon, Nov 23/);
  await fireEvent.keyDown(chart(), { key: 'Home' });
  await fireEvent.keyDown(chart(), { key: 'ArrowLeft' });
  expect(said()).toMatch(/Mon, Oct 26/);
  await fireEvent.keyDown(chart(), { key: 'PageUp' });
  expect(said()).toMatch(/Mon, Nov 2,/);
});

it('says the sum before the parts of a stack', () => {
  show('charts/bars/stacked');
  expect(said()).toMatch(/2026: \$[\d.]+, anthropic.* \$[\d.]+, openai/);
});

it('is picked by Enter and by a click on a part of a bar', async () => {
  const onpick = vi.fn();
  const { container } = show('charts/bars/stacked', { onpick });
  await fireEvent.keyDown(chart(), { key: 'Enter' });
  expect(onpick).toHaveBeenLastCalledWith(expect.objectContaining({ key: '2026-11-24' }), null);
  const part = bars(container).find((bar) => bar.getAttribute('data-series') === 'mini');
  await fireEvent.click(part as Element);
  expect(onpick).toHaveBeenLastCalledWith(expect.anything(), 'mini');
});

it('is no trap for Enter where nothing can be picked', async () => {
  show('charts/bars/one-series');
  expect(await fireEvent.keyDown(chart(), { key: 'Enter' })).toBe(true);
});

it('leaves a series out and brings it back, but never the last one', async () => {
  const { container } = show('charts/bars/stacked');
  const legend = within(screen.getByRole('list', { name: 'Shown in the chart' }));
  const before = bars(container).length;
  const [first, ...others] = legend.getAllByRole('button');
  for (const button of others) await fireEvent.click(button);
  expect(bars(container).length).toBeLessThan(before / 2);
  await fireEvent.click(first as HTMLElement);
  expect(first).toHaveAttribute('aria-pressed', 'true');
  await fireEvent.click(others[0] as HTMLElement);
  expect(others[0]).toHaveAttribute('aria-pressed', 'true');
});

it('shows the period before as outlines, and says what they are', () => {
  const { container } = show('charts/bars/compared');
  expect(container.querySelectorAll('.before[x]').length).toBeGreaterThan(20);
  expect(screen.getByText('The 30 days before')).toBeInTheDocument();
});

it('leaves gaps in a line where nothing is known', () => {
  const { container } = show('charts/line/with-gaps');
  const path = container.querySelector('path')?.getAttribute('d') ?? '';
  expect(path.match(/M/g)?.length).toBeGreaterThan(2);
  expect(path).not.toContain('NaN');
});
