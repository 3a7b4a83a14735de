// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { readOrganization } from '../../../client/organizations';
import { organizationBody } from '../../../testing/organizations';
import { changesOf, differing, draftOf, problemsOf, rebased, type Draft } from './draft';

const organization = readOrganization(organizationBody({ monthly_limit: '1234.50' }));
const base = draftOf(organization, 'pl-PL');
const edited = (more: Partial<Draft>): Draft => ({ ...base, ...more });

it('begins with amounts as the reader types them', () => {
  expect(base).toMatchObject({ monthly_limit: '1234,5', markup_rate: '1,3', fixed_fee: '0' });
});

it('begins with the zone that is planned', () => {
  const moving = readOrganization(
    organizationBody({ next_timezone: 'UTC', next_timezone_from: '2026-11-25T00:00:00Z' }),
  );
  expect(draftOf(moving, 'en').timezone).toBe('UTC');
});

describe('changesOf', () => {
  it('names nothing where nothing was touched', () => {
    expect(changesOf(edited({}), base, 'pl-PL')).toEqual({});
  });

  it.each([
    [{ monthly_limit: '2 000,50' }, { monthly_limit: '2000.5' }],
    [{ monthly_limit: ' ' }, { monthly_limit: null }],
    [{ fixed_fee: '' }, { fixed_fee: '0' }],
    [{ name: ' Nowa ' }, { name: 'Nowa' }],
    [{ billing_currency: 'pln' }, { billing_currency: 'PLN' }],
    [{ on_meter_failure: 'allow' }, { on_meter_failure: 'allow' }],
    [
      { markup_rate: '0,9', allow_loss: true },
      { markup_rate: '0.9', allow_loss: true },
    ],
    [
      { contacts: [{ name: 'Ola ', email: '', phone: '', role: '' }] },
      { contacts: [{ name: 'Ola' }] },
    ],
    [{ contacts: [{ name: '', email: '', phone: '', role: ' ' }] }, { contacts: [] }],
  ] satisfies [Partial<Draft>, object][])('of %j is %j', (more, changes) => {
    expect(changesOf(edited(more), base, 'pl-PL')).toEqual(changes);
  });

  it('leaves to the server what a new organization does not say', () => {
    const empty = draftOf(null, 'en-US');
    expect(changesOf({ ...empty, name: 'Acme' }, empty, 'en-US')).toEqual({ name: 'Acme' });
  });
});

describe('problemsOf', () => {
  it.each([
    [{ name: ' ' }, { name: 'organizations.nameNeeded' }],
    [{ slug: 'A b' }, { slug: 'organizations.slugWrong' }],
    [{ timezone: 'Warsaw' }, { timezone: 'organizations.timeZoneWrong' }],
    [{ timezone: '+02:00' }, { timezone: 'organizations.timeZoneWrong' }],
    [{ billing_currency: 'złoty' }, { billing_currency: 'organizations.currencyWrong' }],
    [{ billing_email: 'nobody' }, { billing_email: 'organizations.emailWrong' }],
    [{ markup_rate: '' }, { markup_rate: 'organizations.markupWrong' }],
    [{ markup_rate: '0,9' }, { markup_rate: 'organizations.markupIsLoss' }],
    [{ markup_rate: '0,9', allow_loss: true }, {}],
    [{ monthly_limit: 'dużo' }, { monthly_limit: 'organizations.amountWrong' }],
    [{ monthly_limit: '9000000,01' }, { monthly_limit: 'organizations.amountTooLarge' }],
    [{ fixed_fee: '1001' }, { fixed_fee: 'organizations.amountTooLarge' }],
    [{ timezone: 'Asia/Tokyo', billing_email: '' }, {}],
  ] satisfies [Partial<Draft>, object][])('of %j are %j', (more, problems) => {
    expect(problemsOf(edited(more), base, 'pl-PL')).toEqual(problems);
  });

  it('finds a contact’s address that is none', () => {
    const contacts = [{ name: 'Ola', email: 'ola', phone: '', role: '' }];
    expect(problemsOf(edited({ contacts }), base, 'pl-PL')).toEqual({
      contacts: 'organizations.contactEmailWrong',
    });
  });
});

it('takes over what somebody else changed, but not where the reader wrote', () => {
  const fresh = draftOf(readOrganization(organizationBody({ name: 'Theirs', slug: 'x' })), 'pl-PL');
  const mine = edited({ name: 'Mine', notes: 'mine' });
  expect(differing(base, fresh)).toEqual(['name', 'slug', 'monthly_limit']);
  expect(rebased(mine, base, fresh)).toMatchObject({
    name: 'Mine',
    notes: 'mine',
    slug: 'x',
    monthly_limit: '500',
  });
});
