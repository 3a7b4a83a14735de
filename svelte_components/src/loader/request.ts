/**
 * Which page of the settings the address asked for last. The host takes the parameter out of the
 * address as soon as it has read it, which may be before its dialog is drawn.
 */
import { mounts, type Mount } from './mounts';

// So long after it was asked for, a dialog was opened for another reason.
const WORTH_MS = 60_000;

let last: { link: string; at: number } | null = null;

export function watchRequests(): void {
  note(location.href);
  // Not every browser has it; the others leave it to the address when the dialog opens.
  const { navigation } = window as { navigation?: EventTarget };
  navigation?.addEventListener('navigate', (event) => {
    const { destination } = event as Event & { destination?: { url: string } };
    if (destination) note(destination.url);
  });
}

/** The page of ours that a dialog which has just opened was opened for; asked for once. */
export function takeRequest(): Mount | undefined {
  note(location.href);
  const asked = last;
  last = null;
  if (!asked || performance.now() - asked.at > WORTH_MS) return undefined;
  return mounts().find(({ link }) => link === asked.link);
}

function note(address: string): void {
  const link = new URL(address).searchParams.get('settings');
  if (link) last = { link, at: performance.now() };
}
