// @vitest-environment node
import { describe, expect, it } from 'vitest';
import type { Failure, FailureKind } from '../client/usage';
import { sampleUsage, unusedUsage } from '../testing/usage';
import { instantOf, isUnused, nextView, receivedOf, type View } from './view';

const failure = (kind: FailureKind): Failure => ({ kind, status: 500, detail: '' });
const ready: View = nextView({ phase: 'loading' }, { ok: true, usage: sampleUsage() }, 1000);

describe('nextView', () => {
  it.each<FailureKind>(['unreachable', 'unavailable', 'server', 'busy', 'unreadable'])(
    'keeps the last figures after “%s”, also the second time',
    (kind) => {
      const once = nextView(ready, { ok: false, failure: failure(kind) }, 2000);
      const twice = nextView(once, { ok: false, failure: failure(kind) }, 3000);
      expect(receivedOf(twice)).toEqual({ usage: sampleUsage(), at: 1000 });
    },
  );

  it.each<FailureKind>(['signed-out', 'no-organization'])(
    'lets go of the figures after “%s”',
    (kind) => {
      expect(receivedOf(nextView(ready, { ok: false, failure: failure(kind) }, 2000))).toBeNull();
    },
  );
});

describe('instantOf', () => {
  it('is the server’s last change, else the moment of the answer', () => {
    const usage = sampleUsage();
    expect(instantOf({ usage, at: 5 })).toBe(Date.UTC(2026, 10, 24, 10, 15, 30, 123));
    usage.today.lastUpdated = null;
    expect(instantOf({ usage, at: 5 })).toBe(5);
    usage.today.lastUpdated = 'soon';
    expect(instantOf({ usage, at: 5 })).toBe(5);
  });
});

describe('isUnused', () => {
  it('is true only when nothing was used or is still pending', () => {
    const usage = unusedUsage();
    expect(isUnused(usage)).toBe(true);
    expect(isUnused(sampleUsage())).toBe(false);
    usage.today.pendingRequests = 1;
    expect(isUnused(usage)).toBe(false);
  });
});
