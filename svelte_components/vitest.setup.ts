import '@testing-library/jest-dom/vitest';

/** jsdom lays nothing out, so nothing ever changes its size there. */
class NoResizes implements ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
globalThis.ResizeObserver ??= NoResizes;
