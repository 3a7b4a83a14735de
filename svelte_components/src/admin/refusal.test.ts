import { describe, expect, it } from 'vitest';
import { failed } from '../client/http';
import { english } from '../testing/locale';
import { placed, saidOf } from './refusal';

const invalid = (...fields: { field: string; message: string }[]) =>
  failed('invalid', 422, { detail: 'no good', fields }).failure;

describe('placed', () => {
  it('puts complaints at the fields of the form', () => {
    const failure = invalid({ field: 'emails[1]', message: 'no address' });
    expect(placed(failure, ['emails'])).toEqual({ errors: { emails: 'no address' }, rest: null });
  });

  it('keeps the failure where a complaint has no place', () => {
    const failure = invalid({ field: 'url', message: 'a' }, { field: 'shoe', message: 'b' });
    expect(placed(failure, ['url'])).toEqual({ errors: { url: 'a' }, rest: failure });
    expect(placed(failed('server', 500).failure, ['url']).rest?.kind).toBe('server');
  });
});

it('says the server’s own reason where that says more', () => {
  expect(saidOf(invalid(), english())).toContain('no good');
  const gone = failed('unreachable', 0, { detail: 'TypeError' }).failure;
  expect(saidOf(gone, english())).not.toContain('TypeError');
});
