/**
 * A guest's manners: an error of ours ends in one line on the console and never in the host.
 */
let complained = false;

/** Says once why something of ours is missing from the page. */
export function complain(reason: unknown): void {
  if (complained) return;
  complained = true;
  console.warn('mai_usage_ext: a page of ours is missing from the settings:', reason);
}

/** Runs ours so that the host never notices when it fails. */
export function shielded<A extends unknown[]>(work: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    try {
      work(...args);
    } catch (error) {
      complain(error);
    }
  };
}
