/** What becomes of a list when one of its alerts is handled. */
import type { Alert, AlertState } from '../../client/alerts';
import type { Page } from '../../client/page';

/** The page with the alert as it is now; where its state is not the wanted one, without it. */
export function withAlert(
  page: Page<Alert>,
  changed: Alert,
  wanted: AlertState | 'all',
): Page<Alert> {
  const before = page.items.length;
  const isWanted = wanted === 'all' || changed.state === wanted;
  const items = page.items.flatMap((alert) => {
    if (alert.id !== changed.id) return [alert];
    return isWanted ? [changed] : [];
  });
  return { items, total: page.total - (before - items.length) };
}
