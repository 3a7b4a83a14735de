// @vitest-environment node
import { expect, it } from 'vitest';
import { formatDay, formatInstant, formatMonth } from './date';

it('keeps the organization’s day in every zone of the browser', () => {
  for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
    process.env.TZ = zone;
    expect(formatDay('2026-11-24', 'en-US')).toBe('Nov 24');
  }
  process.env.TZ = 'UTC';
});

it('names the weekday and the year in the long form', () => {
  expect(formatDay('2026-11-24', 'en-US', 'long')).toBe('Tue, Nov 24, 2026');
});

it('shows what it cannot read as it came', () => {
  expect(formatDay('yesterday', 'en-US')).toBe('yesterday');
  expect(formatMonth('2026', 'en-US')).toBe('2026');
});

it('names months', () => {
  expect(formatMonth('2026-11', 'en-US')).toBe('Nov 2026');
});

it('adds the date to an instant of another day', () => {
  const noon = new Date(2026, 10, 24, 12, 0, 5).getTime();
  const plain = (text: string) => text.replace(/\s/g, ' ');
  expect(plain(formatInstant(noon, 'en-US', noon + 1000))).toBe('12:00:05 PM');
  expect(plain(formatInstant(noon, 'en-US', noon + 86_400_000))).toBe('Nov 24, 2026, 12:00:05 PM');
});
