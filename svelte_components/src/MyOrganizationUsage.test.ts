import { waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TAG } from './index';
import { jsonResponse, setPageVisible, stubEventSource, stubIntersection } from './testing/page';
import { sampleBody } from './testing/usage';

const fetchMock = vi.fn<typeof fetch>();
let view: ReturnType<typeof stubIntersection>;
let server: ReturnType<typeof stubEventSource>;

beforeEach(() => {
  view = stubIntersection();
  server = stubEventSource();
  setPageVisible(true);
  localStorage.token = 'secret';
  localStorage.locale = 'en-US';
  fetchMock.mockReset();
  answerWith(sampleBody());
  vi.stubGlobal('fetch', fetchMock);
});

afterEach(() => {
  document.body.replaceChildren();
  document.documentElement.className = '';
  localStorage.clear();
});

/** What the tab is asked first; the rest of it has tests of its own. */
function answerWith(body: unknown, status = 200): void {
  fetchMock.mockImplementation(async (url) =>
    isFirst(url) ? jsonResponse(body, status) : jsonResponse({ detail: 'later' }, 503),
  );
}

const isFirst = (url: unknown) => String(url).endsWith('/usage/my-organization');
const reports = () =>
  fetchMock.mock.calls.filter(([url]) => String(url).includes('/report?')).length;
const asked = () => fetchMock.mock.calls.filter(([url]) => isFirst(url)).length;

function mount() {
  const element = document.body.appendChild(document.createElement(TAG));
  const inside = () => within(element.shadowRoot as unknown as HTMLElement);
  return { element, inside };
}

describe('<mai-organization-usage>', () => {
  it('draws the figures inside its shadow root, with its own styles', async () => {
    const { element, inside } = mount();
    await waitFor(() => expect(inside().getByText('7,072')).toBeInTheDocument());
    expect(document.body).not.toHaveTextContent('7,072');
    const styles = [...(element.shadowRoot?.querySelectorAll('style') ?? [])];
    expect(styles.map((style) => style.textContent).join()).toContain('--ink');
  });

  it('refreshes on demand and shows new figures', async () => {
    const { inside } = mount();
    await waitFor(() => expect(inside().getByText('7,072')).toBeInTheDocument());
    const body = sampleBody();
    body.stats.today.tokens = 8000;
    answerWith(body);
    inside().getByRole('button', { name: 'Refresh' }).click();
    await waitFor(() => expect(inside().getByText('8,000')).toBeInTheDocument());
    expect(asked()).toBe(2);
  });

  it('shows what the stream tells of today at once', async () => {
    const { inside } = mount();
    await waitFor(() => expect(server.open).toHaveLength(1));
    const today = { ...sampleBody().stats.today, tokens: 9123 };
    // Another organization's figures are never shown under this one's name.
    server.last.tell({ client_id: 'org_2', today: { ...today, tokens: 123456 } });
    server.last.tell({ client_id: 'org_1', today });
    await waitFor(() => expect(inside().queryAllByText('9,123')).not.toHaveLength(0));
    expect(inside().queryByText('123,456')).toBeNull();
  });

  it('opens no stream for who may not see anything', async () => {
    answerWith({ title: 'No organization', detail: 'why' }, 404);
    const { inside } = mount();
    await waitFor(() => expect(inside().getByText('No organization')).toBeInTheDocument());
    expect(server.all).toHaveLength(0);
  });

  it('follows the host between light and dark', async () => {
    const { inside } = mount();
    const theme = () => inside().getByText('Organization usage').closest('[data-theme]');
    await waitFor(() => expect(theme()).toHaveAttribute('data-theme', 'light'));
    document.documentElement.classList.add('dark');
    await waitFor(() => expect(theme()).toHaveAttribute('data-theme', 'dark'));
  });

  it('speaks the numbers of the stored language', async () => {
    localStorage.locale = 'de-DE';
    const { inside } = mount();
    await waitFor(() => expect(inside().getByText('7.072')).toBeInTheDocument());
  });

  it('comes back by itself when the session does', async () => {
    localStorage.removeItem('token');
    const { inside } = mount();
    await waitFor(() => expect(inside().getByText('You are signed out')).toBeInTheDocument());
    expect(fetchMock).not.toHaveBeenCalled();
    localStorage.token = 'another';
    await waitFor(() => expect(inside().getByText('7,072')).toBeInTheDocument(), {
      timeout: 4_000,
    });
    expect(inside().queryByText('You are signed out')).toBeNull();
  });

  it('keeps its figures while it is offline, and has new ones when it is back', async () => {
    const { inside } = mount();
    await waitFor(() => expect(inside().getByText('7,072')).toBeInTheDocument());
    await waitFor(() => expect(reports()).not.toBe(0), { timeout: 4_000 });
    for (const [before, after] of [
      ['7,072', '8,000'],
      ['8,000', '9,000'],
    ] as const) {
      fetchMock.mockRejectedValue(new TypeError('Failed to fetch'));
      inside().getByRole('button', { name: 'Refresh' }).click();
      await waitFor(() =>
        expect(inside().getByText('The server cannot be reached')).toBeInTheDocument(),
      );
      expect(inside().getByText(before)).toBeInTheDocument();
      const askedBefore = reports();
      const body = sampleBody();
      body.stats.today.tokens = Number(after.replace(',', ''));
      answerWith(body);
      window.dispatchEvent(new Event('online'));
      await waitFor(() => expect(inside().getByText(after)).toBeInTheDocument());
      // Reports that failed meanwhile do not wait for their turn.
      await waitFor(() => expect(reports()).toBeGreaterThan(askedBefore));
    }
  }, 15_000);

  it('asks for one report on opening, of thirty days', async () => {
    mount();
    await waitFor(() => expect(fetchMock).toHaveBeenCalledTimes(2), { timeout: 4_000 });
    const report = new URL(String(fetchMock.mock.lastCall?.[0]), 'https://host').searchParams;
    expect(Object.fromEntries(report)).toMatchObject({ from: '2026-10-26', to: '2026-11-24' });
  });

  it('takes its place out of the address when it goes', async () => {
    history.replaceState(null, '', '/c/1?usage=tab%3Dmodels&x=y');
    const { element, inside } = mount();
    await waitFor(() =>
      expect(inside().getByRole('tab', { name: 'By model' })).toHaveAttribute(
        'aria-selected',
        'true',
      ),
    );
    element.remove();
    await waitFor(() => expect(location.search).toBe('?x=y'));
  });

  it('aborts its load and stops watching when it is taken away', async () => {
    fetchMock.mockImplementation(() => new Promise(() => {}));
    const { element } = mount();
    await waitFor(() => expect(fetchMock).toHaveBeenCalledOnce());
    element.remove();
    await waitFor(() => expect(view.size).toBe(0));
    expect(server.open).toHaveLength(0);
    expect(fetchMock.mock.calls[0]?.[1]?.signal?.aborted).toBe(true);
  });

  it('begins anew when it is put back', async () => {
    const { element, inside } = mount();
    await waitFor(() => expect(inside().getByText('7,072')).toBeInTheDocument());
    element.remove();
    await waitFor(() => expect(view.size).toBe(0));
    document.body.append(element);
    await waitFor(() => expect(asked()).toBe(2));
    await waitFor(() => expect(inside().getAllByText('7,072')).toHaveLength(1));
  });
});
