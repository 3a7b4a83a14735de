// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { failed, type FailureKind } from '../client/http';
import type { MyOrganization } from '../client/my-organization';
import { sampleLimit, sampleUsage, unusedUsage } from '../testing/usage';
import { clockProblem, otherZone } from './clock';
import { isReached, reachedLimit } from './limits';
import { differs, instantOf, isUnused, nextView, receivedOf, withToday, type View } from './view';

const usage = sampleUsage();
const ready: View = nextView({ phase: 'loading' }, { ok: true, value: usage }, 1000);

describe('nextView', () => {
  it.each<FailureKind>(['unreachable', 'unavailable', 'server', 'busy', 'unreadable', 'not-found'])(
    'keeps the last figures after “%s”, also the second time',
    (kind) => {
      const once = nextView(ready, failed(kind, 500), 2000);
      const twice = nextView(once, failed(kind, 500), 3000);
      expect(receivedOf(twice)).toEqual({ usage, at: 1000 });
    },
  );

  it.each<FailureKind>(['signed-out', 'forbidden', 'no-organization'])(
    'lets go of the figures after “%s”',
    (kind) => expect(receivedOf(nextView(ready, failed(kind, 401), 2000))).toBeNull(),
  );
});

it('says when the figures were true, else when the server answered', () => {
  expect(instantOf({ usage, at: 5 })).toBe(Date.UTC(2026, 10, 24, 10, 15, 30, 123));
  const untouched = { ...usage, today: { ...usage.today, lastUpdated: null } };
  expect(instantOf({ usage: untouched, at: 5 })).toBe(Date.UTC(2026, 10, 24, 10, 15, 31));
});

it('calls unused only what has nothing, not even pending', () => {
  const unused = unusedUsage();
  expect(isUnused(unused)).toBe(true);
  expect(isUnused(usage)).toBe(false);
  expect(isUnused({ ...unused, today: { ...unused.today, pendingRequests: 1 } })).toBe(false);
});

describe('withToday', () => {
  const told = (today: object, organizationId = 'org_1') => ({
    organizationId,
    today: { ...usage.today, ...today },
  });

  it('puts the told figures into today and into the last day of the history', () => {
    const today = { tokens: 8000, cost: '0.5', requests: 5, pendingRequests: 0 };
    const next = withToday(usage, told(today)) as MyOrganization;
    expect(next.today).toMatchObject(today);
    expect(next.history.at(-1)).toMatchObject({ date: '2026-11-24', tokens: 8000, cost: '0.5' });
    expect(next.history.slice(0, -1)).toEqual(usage.history.slice(0, -1));
    expect(next.month).toBe(usage.month);
    expect(differs(usage, next)).toBe(true);
  });

  it('is the same object where only the time differs', () => {
    expect(withToday(usage, told({ lastUpdated: 7 }))).toBe(usage);
    expect(differs(usage, { ...usage, serverTime: 9 })).toBe(false);
    expect(differs(undefined, usage)).toBe(false);
  });

  it('is nothing for another organization or another date', () => {
    expect(withToday(usage, told({}, 'org_2'))).toBeNull();
    expect(withToday(usage, told({ date: '2026-11-25' }))).toBeNull();
  });
});

describe('clocks', () => {
  const DAY_MS = 86_400_000;

  it.each([
    [DAY_MS, 'ahead'],
    [-DAY_MS, 'behind'],
    [20_000, null],
  ])('that differ by %d ms are %s', (differenceMs, problem) => {
    expect(clockProblem({ usage, at: usage.serverTime + differenceMs })).toBe(problem);
  });

  it('of zones that show another time are told apart', () => {
    const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    expect(otherZone(own, usage.serverTime)).toBeNull();
    expect(otherZone('Pacific/Kiritimati', usage.serverTime)).toBe(own);
    expect(otherZone('Moon/Tycho', usage.serverTime)).toBe(own);
  });
});

describe('limits', () => {
  it.each([
    [{ spent: '2000', remaining: '0' }, true],
    [{ spent: '1999.5', held: '0.5', remaining: '0' }, true],
    [{ spent: '2000.000000000001', remaining: '0' }, true],
    [{ spent: '1999.999999999999', remaining: '0.000000000001' }, false],
    [{ monthlyLimit: null, remaining: null }, false],
  ])('with %j are reached: %s', (change, reached) => {
    expect(isReached(sampleLimit(change))).toBe(reached);
  });

  it('name the reader’s own one first', () => {
    const full = sampleLimit({ spent: '2000', remaining: '0' });
    expect(reachedLimit(sampleUsage({ limit: full, ownLimit: full }))).toBe('own');
    expect(reachedLimit(sampleUsage({ limit: full }))).toBe('organization');
    expect(reachedLimit(sampleUsage({ ownLimit: sampleLimit() }))).toBeNull();
  });
});
