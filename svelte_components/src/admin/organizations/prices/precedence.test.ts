// @vitest-environment node
import { describe, expect, it } from 'vitest';
import type { PriceRule } from '../../../client/prices';
import { fits, standingOf, winnerOf } from './precedence';

const NOW = Date.UTC(2026, 10, 24);
const rule = (id: number, more: Partial<PriceRule> = {}): PriceRule => ({
  id,
  client: 'acme',
  pattern: null,
  from: 0,
  markupRate: '1.3',
  fixedFee: '0',
  ...more,
});

describe('winnerOf', () => {
  const everybody = rule(1, { client: null });
  const everybodysClaude = rule(2, { client: null, pattern: 'anthropic/claude-opus-4' });
  const own = rule(3);
  const ownAnthropic = rule(4, { pattern: 'anthropic/*' });
  const later = rule(5, { from: NOW });
  const planned = rule(6, { from: NOW + 1 });

  it.each([
    ['the organization’s before everybody’s', [everybodysClaude, own], 3],
    ['the longer pattern', [own, ownAnthropic, everybodysClaude], 4],
    ['the later date', [later, own], 5],
    ['the later id of one instant', [rule(8, { from: NOW }), later], 8],
    ['everybody’s where there is no own', [everybody, everybodysClaude], 2],
    ['none that is only planned', [own, planned], 3],
  ])('chooses %s', (_, rules, id) => {
    expect(winnerOf(rules, 'anthropic/claude-opus-4', NOW)?.id).toBe(id);
  });

  it('finds nothing where no rule fits', () => {
    expect(winnerOf([ownAnthropic], 'openai/gpt-5', NOW)).toBeNull();
  });
});

describe('fits', () => {
  it.each([
    [null, 'openai/gpt-5', true],
    ['openai/gpt-5', 'openai/gpt-5', true],
    ['openai/*', 'openai/gpt-5', true],
    ['*gpt*', 'openai/gpt-5', true],
    ['openai/*-mini', 'openai/gpt-4o-mini', true],
    ['openai/*', 'x/openai/', false],
    ['OpenAI/*', 'openai/gpt-5', false],
    ['ab*ba', 'aba', false],
    ['a*b*c', 'acb', false],
    ['a*bc*c', 'abc', false],
  ])('%j and %s: %s', (pattern, model, expected) => {
    expect(fits(pattern, model)).toBe(expected);
  });
});

describe('standingOf', () => {
  const old = rule(1);
  const present = rule(2, { from: NOW - 1 });
  const planned = rule(3, { from: NOW + 1 });
  const everybody = rule(4, { client: null, pattern: 'openai/*' });
  const all = [old, present, planned, everybody];

  it.each([
    [old, 'replaced'],
    [present, 'in-force'],
    [planned, 'planned'],
    [everybody, 'put-aside'],
  ])('of rule %o is %s', (one, standing) => {
    expect(standingOf(one, all, NOW)).toBe(standing);
  });

  it('leaves everybody’s rules in force where the organization has none for every model', () => {
    expect(standingOf(everybody, [everybody, rule(5, { pattern: 'x/*' })], NOW)).toBe('in-force');
  });
});
