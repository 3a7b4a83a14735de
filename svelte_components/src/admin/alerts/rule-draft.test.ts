import { describe, expect, it } from 'vitest';
import { readRule, type RuleKind } from '../../client/alerts';
import { ruleBody } from '../../testing/alerts';
import { draftOf, problemsOf, subjectOf, termsOf, type RuleDraft } from './rule-draft';

const drafted = (kind: RuleKind, more: Partial<RuleDraft> = {}): RuleDraft => ({
  ...draftOf(null, 'en-US'),
  name: 'A rule',
  kind,
  ...more,
});
const parameters = (draft: RuleDraft, tag = 'en-US') => termsOf(draft, tag).parameters;

describe('a rule’s form', () => {
  it('says only what its kind can be told', () => {
    expect(parameters(drafted('limit'))).toEqual({ thresholds: null });
    expect(parameters(drafted('limit', { isUsual: false, thresholds: '50 %, 80;100' }))).toEqual({
      thresholds: [50, 80, 100],
    });
    expect(parameters(drafted('spike'))).toEqual({
      factor: '3',
      floor: '10',
      basis: 'weekday',
      day: 'today',
    });
    expect(parameters(drafted('quiet'))).toEqual({ active_days: 10, quiet_days: 3 });
    expect(parameters(drafted('capture'))).toEqual({ percent: '99.5' });
    expect(parameters(drafted('pending'))).toEqual({ hours: 24 });
    expect(parameters(drafted('key'))).toEqual({});
  });

  it('reads amounts as its reader writes them', () => {
    const draft = drafted('spend', { amounts: '10,50; 1 000' });
    expect(parameters(draft, 'pl-PL')).toEqual({ period: 'month', amounts: ['10.5', '1000'] });
    const english = drafted('spend', { amounts: '10.50, 1,000' });
    expect(parameters(english).amounts).toEqual(['10.5', '1000']);
  });

  it('shows a rule as it would be typed, and makes the same rule of it', () => {
    const rule = readRule(
      ruleBody({ kind: 'spend', parameters: { period: 'day', amounts: ['5.5', '20'] } }),
    );
    const draft = draftOf(rule, 'pl-PL');
    expect(draft.amounts).toBe('5,5; 20');
    expect(termsOf(draft, 'pl-PL').parameters).toEqual(rule.parameters);
  });

  it('finds what is missing or no number', () => {
    expect(problemsOf(drafted('spend', { name: ' ' }), 'en-US')).toEqual({
      name: 'alerts.needsName',
      'parameters.amounts': 'alerts.needsAmounts',
    });
    expect(problemsOf(drafted('spike', { level: 'user', factor: 'x' }), 'en-US')).toEqual({
      user_id: 'alerts.needsUser',
      'parameters.factor': 'alerts.needsNumber',
    });
    expect(problemsOf(drafted('key'), 'en-US')).toEqual({});
  });

  it('is about nobody but whom its level names, and tells customers of their own affairs', () => {
    const draft = drafted('key', { clientId: 'acme', userId: 'u', notifyOrganization: true });
    expect(subjectOf(draft)).toMatchObject({ clientId: null, userId: null });
    expect(subjectOf({ ...draft, level: 'organization' })).toMatchObject({ clientId: 'acme' });
    expect(termsOf(draft, 'en-US').notifyOrganization).toBe(false);
  });
});
