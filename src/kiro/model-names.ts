/** What a client's name for a model says besides the model: aliases of the person, and wishes as suffixes. */

import type { Effort, Model, ReasoningWish } from '../core/conversation.js';
import { bareModelName, normalizeModelName } from './models.js';

export type ModelName = {
  /** For `resolveModel`. */
  readonly name: string;
  /** Empty when the name wishes nothing. */
  readonly wish: ReasoningWish;
};

/** The setting MODEL_ALIASES: other names in lower case, to names that Kiro's spelling rules apply to. */
export type ModelAliases = ReadonlyMap<string, string>;

/**
 * `claude-opus-4-8-thinking-high` is `claude-opus-4-8`, thinking, at effort high. A suffix is one only when a model is
 * known without it and none is listed with it, so that no name of Kiro's own is ever torn apart.
 */
export function readModelName(name: string, catalogue: readonly Model[], aliases: ModelAliases): ModelName {
  const listed = new Set(catalogue.map(({ id }) => id.toLowerCase()));
  const asked = aliased(name, aliases);
  const window = /\s*\[[^\]]*\]\s*$/.exec(asked)?.[0] ?? '';
  let found: ModelName = { name: asked, wish: {} };
  let rest = bareModelName(asked);
  let wish: ReasoningWish = {};
  while (!listed.has(rest.toLowerCase())) {
    const [, before, suffix] = SUFFIX.exec(rest) ?? [];
    if (before === undefined || suffix === undefined) break;
    rest = before;
    wish = { ...wishOf(suffix.toLowerCase()), ...wish };
    const model = aliased(rest, aliases);
    if (model !== rest || isKnown(rest, listed)) found = { name: model + window, wish };
  }
  return found;
}

/** What the client asked for, but for what the model's name wishes otherwise: people choose a name on purpose. */
export function withWish(asked: ReasoningWish, named: ReasoningWish): ReasoningWish {
  if (named.effort !== undefined) {
    const mode = asked.mode === 'off' ? undefined : asked.mode;
    return { mode: named.mode ?? mode, effort: named.effort };
  }
  if (named.mode === undefined) return asked;
  return { ...asked, mode: named.mode, effort: asked.effort === 'none' ? undefined : asked.effort };
}

/** True when so much reasoning is wished that its first word may take minutes. */
export function thinksLong({ mode, effort, budget = 0 }: ReasoningWish): boolean {
  if (mode === 'off') return false;
  return effort === undefined ? budget > LONG_BUDGET_TOKENS : LONG_EFFORTS.has(effort);
}

function aliased(name: string, aliases: ModelAliases): string {
  return aliases.get(name.trim().toLowerCase()) ?? name;
}

function isKnown(name: string, listed: ReadonlySet<string>): boolean {
  const id = normalizeModelName(name).toLowerCase();
  return listed.has(id) || FAMILY.test(id);
}

function wishOf(suffix: string): ReasoningWish {
  if (suffix === 'thinking') return { mode: 'on' };
  const effort = EFFORTS.find((it) => it === suffix);
  return effort === 'none' ? { mode: 'off', effort } : { effort };
}

const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

const LONG_EFFORTS: ReadonlySet<Effort> = new Set(['high', 'xhigh', 'max']);

/** What counts as effort high and above (protocol 10.3). */
const LONG_BUDGET_TOKENS = 20_000;

const SUFFIX = new RegExp(`^(.+)-(thinking|${EFFORTS.join('|')})$`, 'i');

/** What models are called even when the catalogue does not list them, or is not at hand (protocol 7.3). */
const FAMILY =
  /^(?:auto|claude-[a-z]+-\d+(?:\.\d+)?(?:-1m)?|claude-3\.\d-[a-z]+|gpt-\d+(?:\.\d+)?-[a-z]+|deepseek-\d+\.\d+|minimax-m\d+(?:\.\d+)?|glm-\d+|qwen3-coder-next)$/;
