/** Where a key leads from the one at `index` of `length` in a row, or -1 for a key of another use. */
export function neighbour(
  key: string,
  index: number,
  length: number,
  direction: 'ltr' | 'rtl',
): number {
  const forward = direction === 'rtl' ? -1 : 1;
  const steps: Record<string, number> = { ArrowRight: forward, ArrowLeft: -forward };
  if (key === 'Home') return 0;
  if (key === 'End') return length - 1;
  const step = steps[key];
  return step === undefined || length === 0 ? -1 : (index + step + length) % length;
}

/** The same for a column, whose direction is that of no language. */
export function stepped(key: string, index: number, length: number): number {
  const across: Record<string, string> = { ArrowDown: 'ArrowRight', ArrowUp: 'ArrowLeft' };
  const meant = key.startsWith('Arrow') ? (across[key] ?? '') : key;
  return neighbour(meant, index, length, 'ltr');
}
