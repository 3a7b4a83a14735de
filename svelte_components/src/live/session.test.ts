import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchSession } from './session';

const changed = vi.fn<(isSignedIn: boolean) => void>();
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.token = 'one';
  vi.clearAllTimers();
  changed.mockReset();
  stop = watchSession(changed);
});

afterEach(() => {
  stop();
  localStorage.clear();
  vi.useRealTimers();
});

it('tells of another session, and of none, but not of the same', async () => {
  await vi.advanceTimersByTimeAsync(5_000);
  expect(changed).not.toHaveBeenCalled();
  localStorage.removeItem('token');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(changed).toHaveBeenLastCalledWith(false);
  localStorage.token = 'two';
  await vi.advanceTimersByTimeAsync(1_000);
  expect(changed).toHaveBeenLastCalledWith(true);
  expect(changed).toHaveBeenCalledTimes(2);
});

it('hears at once of another tab', () => {
  localStorage.token = 'two';
  window.dispatchEvent(new StorageEvent('storage', { key: 'token' }));
  expect(changed).toHaveBeenCalledOnce();
});

it('leaves nothing behind', () => {
  stop();
  expect(vi.getTimerCount()).toBe(0);
  localStorage.token = 'two';
  window.dispatchEvent(new StorageEvent('storage', { key: 'token' }));
  expect(changed).not.toHaveBeenCalled();
});
