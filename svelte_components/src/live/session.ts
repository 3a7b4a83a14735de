/** Tells when the reader's session changes, in this tab of the browser or in another one. */
import { stored } from '../host/host';

/** The host writes the token without telling anybody in its own tab. */
const LOOK_EVERY_MS = 1_000;

/** Returns the function that ends the watching. */
export function watchSession(changed: (isSignedIn: boolean) => void): () => void {
  let token = stored('token');
  const controller = new AbortController();

  function look(): void {
    const now = stored('token');
    if (now === token) return;
    token = now;
    changed(Boolean(token));
  }

  const timer = setInterval(look, LOOK_EVERY_MS);
  window.addEventListener('storage', look, { signal: controller.signal });
  return () => {
    clearInterval(timer);
    controller.abort();
  };
}
