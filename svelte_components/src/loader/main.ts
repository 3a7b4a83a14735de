/**
 * Adds our pages to Open WebUI's settings: "Organization usage" for everybody, "Usage & billing" for
 * the host's admins. A guest's rules: what is the host's is only borrowed and always given back;
 * where its page is not built as expected there is no tab of ours; an error of ours ends in one line
 * on the console and never in the host.
 */
import { followDeepLink } from './deep-link';
import { watchRequests } from './request';
import { shielded } from './shield';
import { dialogIsOpen, watch } from './watch';

const MARK = '__maiUsageLoader';

if (!(MARK in window)) {
  Object.defineProperty(window, MARK, { value: true, configurable: true });
  shielded(() => {
    watchRequests();
    watch();
    followDeepLink(dialogIsOpen);
  })();
}
