/** Catalogue answers to models, and the names clients use to the ids Kiro knows. */

import type { JsonObject, Model, ReasoningWish } from '../core/conversation.js';
import { EFFORTS } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { isRecord, recordOf } from '../core/reader.js';
import { assumedFieldsSchema, effortsOf } from './wishes.js';

/** One page of a listing. */
export type Page<Item> = { readonly items: readonly Item[]; readonly nextToken: string | undefined };

/**
 * What is odd about one model is left out, and what has no id is no model.
 * @throws GatewayError `upstream-protocol` when the answer is no list of models.
 */
export function readModelPage(answer: unknown): Page<Model> {
  const { models: listed, defaultModel, nextToken } = recordOf(answer);
  const models: readonly unknown[] = Array.isArray(listed) ? listed : [undefined];
  const defaultId = textOf(recordOf(defaultModel)['modelId']);
  const items = models.map(recordOf).flatMap((model) => {
    const id = textOf(model['modelId']);
    return id === undefined ? [] : [readModel(id, model, id === defaultId)];
  });
  if (items.length > 0 || models.length === 0) return { items, nextToken: textOf(nextToken) };
  throw new GatewayError('upstream-protocol', 'Kiro listed no models; try again.');
}

/** The models as `readModelPage` reads them. */
export function writeModelPage(models: readonly Model[]): object {
  return {
    defaultModel: { modelId: models.find(({ isDefault }) => isDefault)?.id },
    models: models.map((model) => ({
      modelId: model.id,
      modelName: model.name,
      description: model.description,
      tokenLimits: { maxInputTokens: model.maxInputTokens, maxOutputTokens: model.maxOutputTokens },
      supportedInputTypes: model.inputs.map((it) => it.toUpperCase()),
      rateMultiplier: model.creditRate,
      supportsPromptCache: model.supportsPromptCache,
      additionalModelRequestFieldsSchema: model.requestFieldsSchema,
    })),
  };
}

function readModel(id: string, model: JsonObject, isDefault: boolean): Model {
  const { maxInputTokens, maxOutputTokens } = recordOf(model['tokenLimits']);
  const { supportedInputTypes: inputs, rateMultiplier, additionalModelRequestFieldsSchema: schema } = model;
  const requestFieldsSchema = isRecord(schema) ? schema : undefined;
  return {
    id,
    name: textOf(model['modelName']) ?? id,
    description: textOf(model['description']),
    // What the official CLI assumes of a model that it cannot look up.
    maxInputTokens: isLimit(maxInputTokens) ? maxInputTokens : 200_000,
    maxOutputTokens: isLimit(maxOutputTokens) ? maxOutputTokens : 64_000,
    // Where nothing is said about images, Kiro is the one to refuse them.
    inputs: Array.isArray(inputs) && !inputs.includes('IMAGE') ? ['text'] : ['text', 'image'],
    efforts: effortsOf(requestFieldsSchema),
    creditRate: typeof rateMultiplier === 'number' ? rateMultiplier : undefined,
    isDefault,
    // Older catalogues say it at the model itself.
    supportsPromptCache:
      (recordOf(model['promptCaching'])['supportsPromptCaching'] ?? model['supportsPromptCache']) === true,
    requestFieldsSchema,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isLimit(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}

/**
 * The model for a client's name: the catalogue's, or, because Kiro accepts ids it does not list, one with common
 * limits. The family is never changed; a wrong name is for Kiro to refuse.
 */
export function resolveModel(name: string, catalogue: readonly Model[]): Model {
  const listed = (id: string): Model | undefined =>
    catalogue.find((model) => model.id.toLowerCase() === id.toLowerCase());
  const id = normalizeModelName(name);
  const large = splitWindow(name).window.toLowerCase() === '[1m]' ? listed(`${id}-1m`) : undefined;
  return listed(name) ?? large ?? listed(id) ?? unlistedModel(HIDDEN_IDS.get(id) ?? id);
}

/** A client's spelling to Kiro's: dates, `-latest`, `[1m]` and vendor prefixes off, version numbers with a dot. */
export function normalizeModelName(name: string): string {
  const { bare } = splitWindow(name);
  const lower = bare.toLowerCase();
  const spelling = SPELLINGS.find(([pattern]) => pattern.test(lower));
  return spelling === undefined ? bare : lower.replace(...spelling);
}

/** The name without the names of vendors in front, and the window in brackets behind it. */
function splitWindow(name: string): { readonly bare: string; readonly window: string } {
  const trimmed = name.trim();
  const at = trimmed.endsWith(']') ? trimmed.lastIndexOf('[') : -1;
  const [bare, window] = at === -1 ? [trimmed, ''] : [trimmed.slice(0, at).trimEnd(), trimmed.slice(at)];
  return { bare: bare.replace(/^(?:anthropic|openai|kiro)\//i, ''), window };
}

/** The error for a model that Kiro refused, or does not list, with names that are near. */
export function modelNotFound(name: string, catalogue: readonly Model[], refused?: GatewayError): GatewayError {
  const near = nearestNames(name, catalogue);
  const hint = near.length > 0 ? ` Did you mean ${near.join(', ')}?` : '';
  const message = `model: ${name.slice(0, LONGEST_NAME)} is not known to Kiro, or not part of this plan or region.${hint}`;
  return new GatewayError('model-not-found', message, { ...refused?.facts, param: 'model', cause: refused });
}

function nearestNames(name: string, catalogue: readonly Model[]): readonly string[] {
  const refused = normalizeModelName(name).toLowerCase();
  const wanted = new Set(refused.split(/[^a-z0-9]+/));
  const shared = (id: string): number => id.split(/[^a-z0-9]+/).filter((word) => wanted.has(word)).length;
  return catalogue
    .map((model) => ({ id: model.id, shared: shared(model.id.toLowerCase()) }))
    .filter(({ id, shared: count }) => count > 0 && id.toLowerCase() !== refused)
    .toSorted((a, b) => b.shared - a.shared)
    .slice(0, 3)
    .map(({ id }) => id);
}

function unlistedModel(id: string): Model {
  const additionalModelRequestFieldsSchema = assumedFieldsSchema(id);
  return readModel(id, { additionalModelRequestFieldsSchema }, false);
}

/** In this order; the first that matches decides (protocol 7.4). */
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  // Anthropic's aliases say `-0` where Kiro says nothing.
  [/^claude-([a-z]+)-(\d{1,2})[-.]0(?:-(?:\d{8}|latest|\d+))?$/, 'claude-$1-$2'],
  [/^claude-([a-z]+)-(\d{1,2})[-.](\d{1,2})(?:-(?:\d{8}|latest|\d+))?$/, 'claude-$1-$2.$3'],
  [/^claude-([a-z]+)-(\d{1,2})(?:-(?:\d{8}|latest))?$/, 'claude-$1-$2'],
  [/^claude-3[-.](\d)-([a-z]+)(?:-(?:\d{8}|latest|\d+))?$/, 'claude-3.$1-$2'],
  [/^claude-(\d{1,2})[-.](\d{1,2})-([a-z]+)(?:-.*)?$/, 'claude-$3-$1.$2'],
  [/^(deepseek-|minimax-m)(\d)-(\d)$/, '$1$2.$3'],
  [/^qwen3-coder$/, 'qwen3-coder-next'],
  [/^kiro-auto$/, 'auto'],
];

/** Ids that Kiro accepts without listing them, by the name people use. */
const HIDDEN_IDS: ReadonlyMap<string, string> = new Map([['claude-3.7-sonnet', 'CLAUDE_3_7_SONNET_20250219_V1_0']]);

/** The setting MODEL_ALIASES: other names in lower case, to names that Kiro's spelling rules apply to. */
export type ModelAliases = ReadonlyMap<string, string>;

/**
 * `claude-opus-4-8-thinking-high` is `claude-opus-4-8`, thinking, at effort high. A suffix is one only when a model is
 * known without it and none is listed with it, so that no name of Kiro's own is ever torn apart.
 * @returns the name for `resolveModel`, and a wish that is empty when the name has none.
 */
export function readModelName(name: string, catalogue: readonly Model[], aliases: ModelAliases) {
  const listed = new Set(catalogue.map(({ id }) => id.toLowerCase()));
  const asked = aliased(name, aliases);
  const { bare, window } = splitWindow(asked);
  let wish: ReasoningWish = {};
  let found = { name: asked, wish };
  let rest = bare;
  while (rest.length <= LONGEST_NAME && !listed.has(rest.toLowerCase())) {
    const [, before, suffix] = WISH_SUFFIX.exec(rest) ?? [];
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

/** Kiro's own are a third of that; in a longer one no suffix is looked for, again and again. */
const LONGEST_NAME = 200;
const WISH_SUFFIX = new RegExp(`^(.+)-(thinking|${EFFORTS.join('|')})$`, 'i');

/** What models are called even when the catalogue does not list them, or is not at hand (protocol 7.3). */
const FAMILY =
  /^(?:auto|claude-[a-z]+-\d+(?:\.\d+)?(?:-1m)?|claude-3\.\d-[a-z]+|gpt-\d+(?:\.\d+)?-[a-z]+|deepseek-\d+\.\d+|minimax-m\d+(?:\.\d+)?|glm-\d+|qwen3-coder-next)$/;
