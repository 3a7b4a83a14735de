import { screen } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openHostDialog } from '../testing/dialog';
import { loadLoader, settled, type LoaderPage } from '../testing/loader';

let page: LoaderPage;
const keys = vi.fn();

/** The host answers its shortcut as 0.6.18 does. */
function onKeydown(event: KeyboardEvent): void {
  keys(event.key);
  if (event.ctrlKey && event.key === '.') openHostDialog('0.6.18');
}

function showChat(): Promise<void> {
  document.body.insertAdjacentHTML('beforeend', '<div><div id="chat-container"></div></div>');
  return new Promise((resolve) => setTimeout(resolve, 350));
}

beforeEach(() => {
  keys.mockClear();
  document.addEventListener('keydown', onKeydown);
});

afterEach(async () => {
  document.removeEventListener('keydown', onKeydown);
  await page.close();
});

it('opens the dialog of a host that knows no such links, on our tab', async () => {
  history.replaceState({ kept: true }, '', '/?settings=organization-usage&model=m#end');
  page = await loadLoader();
  await showChat();
  await settled();
  expect(screen.getByRole('tab', { selected: true })).toHaveTextContent('Organization usage');
  expect(location.search + location.hash).toBe('?model=m#end');
  expect(history.state).toEqual({ kept: true });
});

it('leaves it to a host that has opened it already', async () => {
  history.replaceState(null, '', '/?settings=organization-usage');
  page = await loadLoader();
  openHostDialog('0.12.4');
  history.replaceState(null, '', '/');
  await showChat();
  expect(keys).not.toHaveBeenCalled();
  expect(screen.getAllByRole('dialog')).toHaveLength(1);
});

it.each(['', '?settings=general', '?model=m'])('does nothing for “%s”', async (search) => {
  history.replaceState(null, '', `/${search}`);
  page = await loadLoader();
  await showChat();
  expect(keys).not.toHaveBeenCalled();
  expect(location.search).toBe(search);
});
