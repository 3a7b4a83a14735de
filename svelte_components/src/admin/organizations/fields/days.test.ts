// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { dayAfter, dayIn, monthBefore, startOfDay } from './days';

describe('startOfDay', () => {
  it.each([
    ['2026-11-24', 'UTC', '2026-11-24T00:00:00.000Z'],
    ['2026-11-24', 'Europe/Warsaw', '2026-11-23T23:00:00.000Z'],
    ['2026-07-01', 'Europe/Warsaw', '2026-06-30T22:00:00.000Z'],
    // The day clocks go forward, and the one after it.
    ['2026-03-29', 'Europe/Warsaw', '2026-03-28T23:00:00.000Z'],
    ['2026-03-30', 'Europe/Warsaw', '2026-03-29T22:00:00.000Z'],
    ['2026-11-24', 'America/New_York', '2026-11-24T05:00:00.000Z'],
    ['2026-11-24', 'Asia/Kathmandu', '2026-11-23T18:15:00.000Z'],
    // Midnight does not exist where clocks go forward at that hour.
    ['2026-04-24', 'Africa/Cairo', '2026-04-23T22:00:00.000Z'],
    // Midnight comes twice where they go back to it: the first one begins the day.
    ['2026-11-01', 'America/Havana', '2026-11-01T04:00:00.000Z'],
  ])('of %s in %s is %s', (day, zone, instant) => {
    expect(startOfDay(day, zone)).toBe(instant);
  });

  it.each(['', '2026-13-01', '24.11.2026'])('knows that %j is no day', (day) => {
    expect(startOfDay(day, 'UTC')).toBeNull();
  });
});

it('tells the day of an instant in its zone', () => {
  const evening = Date.UTC(2026, 10, 24, 23, 30);
  expect(dayIn(evening, 'UTC')).toBe('2026-11-24');
  expect(dayIn(evening, 'Europe/Warsaw')).toBe('2026-11-25');
});

it('counts days and months over the ends of years', () => {
  expect(dayAfter('2026-12-31')).toBe('2027-01-01');
  expect(monthBefore('2026-01')).toBe('2025-12');
  expect(monthBefore('2026-12')).toBe('2026-11');
});
