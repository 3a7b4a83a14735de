/**
 * What is open in our elements, kept in one query parameter of the page's address, so that a link
 * leads back to it. The host's own parameters, its fragment and its history state stay as they are.
 */
export type StateName = 'usage' | 'usage-admin';

export function readState(name: StateName): URLSearchParams {
  return new URLSearchParams(new URLSearchParams(location.search).get(name) ?? '');
}

export function writeState(name: StateName, state: URLSearchParams): void {
  const address = new URL(location.href);
  const text = state.toString();
  if (text === (address.searchParams.get(name) ?? '')) return;
  if (text) address.searchParams.set(name, text);
  else address.searchParams.delete(name);
  history.replaceState(history.state, '', address);
}
