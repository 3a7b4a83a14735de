import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { HOSTILE_NAME, pageBody } from '../../testing/billing';
import { recordBody, verdictBody } from '../../testing/reseller';
import { showSection } from '../../testing/section';
import { problem, stubServer } from '../../testing/server';
import AuditSection from './AuditSection.svelte';
import { changesOf, shownValue } from './difference';

const trail = (...records: object[]) => ({ 'GET /audit': { body: pageBody('records', records) } });

describe('a change', () => {
  it('is what differs, field by field', () => {
    expect(changesOf({ a: 1, same: [1] }, { a: 2, same: [1], c: null })).toEqual([
      { field: 'a', before: '1', after: '2' },
      { field: 'c', before: null, after: '–' },
    ]);
    expect(changesOf(null, { name: 'Acme', notes: '' })).toEqual([
      { field: 'name', before: null, after: 'Acme' },
    ]);
    expect(changesOf(null, null)).toEqual([]);
  });

  it.each([
    [['a', 'b'], 'a, b'],
    [[], '–'],
    [{ name: 'Ola', tags: ['x'] }, 'name: Ola · tags: x'],
    [false, 'false'],
    ['0.10', '0.10'],
  ])('says %j as %s', (value, said) => {
    expect(shownValue(value)).toBe(said);
  });
});

describe('the trail', () => {
  it('reads as sentences, with names as text', async () => {
    stubServer(trail(recordBody(), recordBody({ seq: 1, target_id: HOSTILE_NAME, after: null })));
    const { baseElement } = showSection(AuditSection);
    const [first] = within(
      await screen.findByRole('list', { name: 'Changes, newest first' }),
    ).getAllByRole('listitem');
    expect(first).toHaveTextContent('Organization changed');
    expect(first).toHaveTextContent('Monthly limit before:100 → now:250');
    expect(first).not.toHaveTextContent('same');
    expect(baseElement.querySelector('img')).toBeNull();
  });

  it('is narrowed from a record and by the filters, and widened again', async () => {
    const server = stubServer(trail(recordBody()));
    const { place } = showSection(AuditSection, { offset: '25' });
    await fireEvent.click(await screen.findByRole('button', { name: 'organization acme' }));
    await waitFor(() =>
      expect(Object.fromEntries(server.of('GET /audit').at(-1)?.query ?? [])).toEqual({
        target: 'organization:acme',
        offset: '0',
        limit: '25',
      }),
    );
    await fireEvent.change(screen.getByRole('combobox', { name: 'Action' }), {
      target: { value: 'settings.changed' },
    });
    expect(place.params).toEqual({ target: 'organization:acme', action: 'settings.changed' });
    await fireEvent.click(screen.getByRole('button', { name: 'Clear filters' }));
    expect(place.params).toEqual({});
  });

  it('says that nothing fits, and what went wrong', async () => {
    const server = stubServer(trail());
    showSection(AuditSection, { actor: 'nobody' });
    expect(await screen.findByText('No changes found')).toBeVisible();
    server.routes['GET /audit'] = problem(422, 'from is no date');
    await fireEvent.click(screen.getByRole('button', { name: 'Clear filters' }));
    expect(await screen.findByText('from is no date')).toBeVisible();
  });
});

describe('the chain', () => {
  it('is whole, and its end can be noted', async () => {
    stubServer({ ...trail(), 'GET /audit/verify': { body: verdictBody() } });
    showSection(AuditSection);
    await fireEvent.click(screen.getByRole('button', { name: 'Verify the chain' }));
    expect(await screen.findByText('All 12 records fit')).toBeVisible();
    expect(screen.getByText('b'.repeat(64))).toBeVisible();
  });

  it('names the record that does not fit', async () => {
    const broken = verdictBody({ is_intact: false, rows: 4, seq: 5, reason: 'its hash differs' });
    stubServer({ ...trail(), 'GET /audit/verify': { body: broken } });
    showSection(AuditSection);
    await fireEvent.click(screen.getByRole('button', { name: 'Verify the chain' }));
    expect(await screen.findByText('Record 5 does not fit')).toBeVisible();
    expect(screen.getByText('its hash differs')).toBeVisible();
  });
});
