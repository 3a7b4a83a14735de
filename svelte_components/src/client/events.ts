/**
 * The stream that tells of each change of today's usage. It carries the host's session cookie,
 * because a browser's `EventSource` can send no other credential.
 */
import { API } from './http';
import { MY_ORGANIZATION, readTold, type ToldToday } from './my-organization';

export const EVENTS_URL = `${API}${MY_ORGANIZATION}/events`;

export interface EventsOptions {
  ontoday: (told: ToldToday) => void;
  /** The stream is closed for good; called once at most. */
  onlost: () => void;
}

/** Opens the stream and returns the function that closes it. */
export function openEvents({ ontoday, onlost }: EventsOptions): () => void {
  const source = new EventSource(EVENTS_URL);
  let mending = false;
  source.addEventListener('usage', (event) => {
    mending = false;
    const told = readTold(event.data);
    if (told) ontoday(told);
  });
  source.addEventListener('error', () => {
    // The browser comes back by itself, with the id of the last event, but as often as it can; so
    // it may mend one loss, and the next one in a row is ours.
    if (source.readyState === EventSource.CONNECTING && !mending) {
      mending = true;
      return;
    }
    source.close();
    onlost();
  });
  return () => source.close();
}
