// @vitest-environment node
import { expect, it } from 'vitest';
import { position } from './floating';

const PAGE = { width: 390, height: 800, rightToLeft: false };
const POPUP = { width: 200, height: 100 };
const at = (left: number, top: number) => ({ left, right: left + 28, top, bottom: top + 28 });

it('begins below its control, on the side where the text begins', () => {
  expect(position(at(20, 100), POPUP, PAGE)).toEqual({ left: 20, top: 134 });
  expect(position(at(300, 100), POPUP, { ...PAGE, rightToLeft: true })).toEqual({
    left: 128,
    top: 134,
  });
});

it('stays within the page', () => {
  expect(position(at(350, 100), POPUP, PAGE).left).toBe(182);
  expect(position(at(4, 100), POPUP, { ...PAGE, rightToLeft: true }).left).toBe(8);
});

it('goes above where there is no room below, and below where there is none at all', () => {
  expect(position(at(20, 760), POPUP, PAGE).top).toBe(654);
  expect(position(at(20, 40), POPUP, { ...PAGE, height: 120 }).top).toBe(74);
});
