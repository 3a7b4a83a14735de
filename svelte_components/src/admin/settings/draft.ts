/** What stands in the form, and what of it is sent. */
import type {
  AssignmentRule,
  SettingChanges,
  SettingName,
  Settings,
  SettingValues,
} from '../../client/settings';
import { compareDecimals } from '../../format/decimal';
import { plainDecimal } from '../../format/money';
import type { AdminKey } from '../../locale/keys';
import type { FieldKind, SettingField } from './fields';

/** What the reader has written, by setting: only what they have touched. */
export type Edits = { [Name in SettingName]?: string | AssignmentRule[] | FxLine[] };

/** A line that is being written may have no currency yet. */
export interface FxLine {
  currency: string;
  source: string;
}

export type Errors = { [Name in SettingName]?: string };

export type Parsed = { ok: true; value: unknown } | { ok: false; problem: AdminKey };

/** A value as the form shows it. */
export function writtenOf(kind: FieldKind, value: SettingValues[SettingName]): string {
  if (kind === 'secret' || value === null) return '';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

export function fxLinesOf(values: SettingValues): FxLine[] {
  return Object.entries(values.fx_sources).map(([currency, source]) => ({ currency, source }));
}

/** What was written as the server wants it. It judges the rest: what can be told here, is. */
export function parsed(kind: FieldKind, written: Edits[SettingName]): Parsed {
  if (Array.isArray(written))
    return { ok: true, value: kind === 'sources' ? fx(written) : written };
  const text = (written ?? '').trim();
  if (kind === 'decimal') return decimalOf(text);
  if (kind === 'whole') return wholesOf([text], ([value]) => value);
  if (kind === 'wholes') return wholesOf(parts(text), (values) => values);
  if (kind === 'texts') return { ok: true, value: parts(text) };
  return { ok: true, value: kind === 'currency' ? text.toUpperCase() : text };
}

/** What of the edits differs from what holds, and what cannot be sent as it is written. */
export function changesOf(
  fields: readonly SettingField[],
  edits: Edits,
  values: SettingValues,
): { changes: SettingChanges; problems: { [Name in SettingName]?: AdminKey } } {
  const changes: Record<string, unknown> = {};
  const problems: { [Name in SettingName]?: AdminKey } = {};
  for (const { name, kind } of fields.filter(({ name }) => edits[name] !== undefined)) {
    const answer = parsed(kind, edits[name]);
    if (!answer.ok) problems[name] = answer.problem;
    else if (!isSame(answer.value, values[name])) changes[name] = answer.value;
  }
  return { changes: changes as SettingChanges, problems };
}

/** A markup below 1 sells for less than it costs; the server wants to be told that this is meant. */
export function isLoss(changes: SettingChanges): boolean {
  const rate = changes.default_markup_rate;
  return typeof rate === 'string' && compareDecimals(rate, '1') < 0;
}

/** The settings as they will be once a change is made; a value that is taken away is not known yet. */
export function withChanges(settings: Settings, changes: SettingChanges): Settings {
  const given = Object.entries(changes).filter(
    ([name, value]) => name in settings.values && value !== null,
  );
  const shown = given.filter(([name]) => name !== 'openrouter_provisioning_key');
  return {
    ...settings,
    values: { ...settings.values, ...Object.fromEntries(shown) },
    sources: {
      ...settings.sources,
      ...Object.fromEntries(given.map(([name]) => [name, 'database' as const])),
    },
  };
}

function decimalOf(text: string): Parsed {
  const plain = plainDecimal(text.replace(',', '.'));
  return plain === null
    ? { ok: false, problem: 'settings.notDecimal' }
    : { ok: true, value: plain };
}

function wholesOf(texts: string[], take: (values: number[]) => unknown): Parsed {
  return texts.every((text) => /^\d{1,9}$/.test(text))
    ? { ok: true, value: take(texts.map(Number)) }
    : { ok: false, problem: 'settings.notWhole' };
}

function parts(text: string): string[] {
  return text
    .split(/[,;\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function fx(lines: readonly (AssignmentRule | FxLine)[]): Record<string, string> {
  const named = lines.filter((line): line is FxLine => 'currency' in line && line.currency !== '');
  return Object.fromEntries(named.map(({ currency, source }) => [currency.toUpperCase(), source]));
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
