/** What a client wishes of reasoning, in the terms of the model's own schema (protocol 10.3). */

import type { Effort, Limits, Model, ReasoningWish } from '../core/conversation.js';
import { isRecord } from '../core/reader.js';
import type { JsonObject } from './schema.js';

/**
 * The request's `additionalModelRequestFields` (protocol 10.3), or undefined when there is nothing to say.
 * Only what the schema names is sent: Kiro refuses everything else.
 */
export function toRequestFields(wish: ReasoningWish, model: Model, limits?: Limits): JsonObject | undefined {
  const schema = model.requestFieldsSchema;
  if (schema === undefined) return undefined;
  const fields = { ...reasoningFields(wish, schema), ...limitField(limits?.maxTokens, schema) };
  return Object.keys(fields).length > 0 ? fields : undefined;
}

/** The efforts that a model's schema offers, in its order. */
export function effortsOf(schema: JsonObject | undefined): readonly string[] {
  if (schema === undefined) return [];
  const holder = propertyOf(schema, 'output_config') ?? propertyOf(schema, 'reasoning');
  return holder === undefined ? [] : enumOf(holder, 'effort');
}

/** True when the model's reasoning can be asked for in its own terms. */
export function hasOwnControl({ requestFieldsSchema: schema }: Model): boolean {
  return schema !== undefined && ['thinking', 'output_config', 'reasoning'].some((it) => propertyOf(schema, it));
}

/** True when no reasoning is to be shown. */
export function isUnwanted({ mode, effort }: ReasoningWish): boolean {
  return mode === 'off' || (mode === undefined && effort === 'none');
}

function reasoningFields(wish: ReasoningWish, schema: JsonObject): JsonObject {
  if (wish.mode === undefined && wish.effort === undefined) return {};
  const fields: Record<string, unknown> = {};
  const thinking = propertyOf(schema, 'thinking');
  const types = thinking === undefined ? [] : enumOf(thinking, 'type');
  for (const holder of ['output_config', 'reasoning'] as const) {
    const offered = enumOf(propertyOf(schema, holder) ?? {}, 'effort');
    const effort = offeredEffort(toEffort(wish, { canBeOff: types.includes('disabled') }), offered);
    if (effort !== undefined) fields[holder] = { effort };
  }
  const type = isUnwanted(wish) ? 'disabled' : 'adaptive';
  if (thinking === undefined || !types.includes(type)) return fields;
  // Without a display the newer models think in silence.
  const isShown = type === 'adaptive' && enumOf(thinking, 'display').includes('summarized');
  return { ...fields, thinking: isShown ? { type, display: 'summarized' } : { type } };
}

/** Who wants no reasoning gets as little as there is: an effort is then only for the answer, if reasoning can be off. */
function toEffort(wish: ReasoningWish, { canBeOff }: { readonly canBeOff: boolean }): Effort | undefined {
  if (isUnwanted(wish)) return canBeOff ? (wish.effort ?? 'none') : 'none';
  return wish.effort ?? effortOfBudget(wish.budget);
}

/** The wished effort, or the next higher one that is offered, else the highest. */
function offeredEffort(wished: Effort | undefined, offered: readonly string[]): string | undefined {
  if (wished === undefined) return undefined;
  const known = EFFORTS.filter((it) => offered.includes(it));
  // Only the GPT family offers `none`, and has no `minimal`: there it is the nearer one.
  if (wished === 'minimal' && !known.includes('minimal') && known.includes('none')) return 'none';
  const from = EFFORTS.indexOf(wished);
  return known.find((it) => EFFORTS.indexOf(it) >= from) ?? known.at(-1);
}

function effortOfBudget(tokens: number | undefined): Effort | undefined {
  if (tokens === undefined) return undefined;
  return BUDGETS.find(([limit]) => tokens <= limit)?.[1] ?? 'max';
}

/** The client's limit within the model's range; what is then too much, the gateway cuts itself. */
function limitField(maxTokens: number | undefined, schema: JsonObject): JsonObject {
  const range = propertyOf(schema, 'max_tokens');
  if (range === undefined || maxTokens === undefined) return {};
  const { minimum, maximum } = range;
  const least = typeof minimum === 'number' ? minimum : 1;
  const most = typeof maximum === 'number' ? maximum : Infinity;
  return { max_tokens: Math.min(Math.max(Math.round(maxTokens), least), most) };
}

function propertyOf(schema: JsonObject, name: string): JsonObject | undefined {
  const properties = schema['properties'];
  return isRecord(properties) && isRecord(properties[name]) ? properties[name] : undefined;
}

function enumOf(schema: JsonObject, name: string): readonly string[] {
  const values = propertyOf(schema, name)?.['enum'];
  return Array.isArray(values) ? values.filter((it) => typeof it === 'string') : [];
}

const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** Token budgets of clients that have no efforts, up to and including. */
const BUDGETS: readonly (readonly [number, Effort])[] = [
  [10_000, 'low'],
  [20_000, 'medium'],
  [28_000, 'high'],
];

/** The schema of `additionalModelRequestFields` as the model most likely has it; Kiro says so when it has not. */
export function assumedFieldsSchema(modelId: string): JsonObject | undefined {
  return FAMILIES.find(([pattern]) => pattern.test(modelId))?.[1];
}

function claude(efforts: readonly string[], displays: readonly string[]): JsonObject {
  const display = displays.length > 0 ? { display: { enum: displays } } : {};
  return {
    properties: {
      thinking: { properties: { type: { enum: ['adaptive'] }, ...display } },
      output_config: { properties: { effort: { enum: efforts } } },
    },
  };
}

const FOUR_EFFORTS = ['low', 'medium', 'high', 'max'];
const FIVE_EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];
const LATER_CLAUDE = claude(FIVE_EFFORTS, ['summarized']);

const FAMILIES: readonly (readonly [RegExp, JsonObject])[] = [
  [/^claude-(?:opus|sonnet)-4\.6(?:-1m)?$/, claude(FOUR_EFFORTS, [])],
  [/^claude-opus-4\.[78](?:-1m)?$/, LATER_CLAUDE],
  [/^claude-(?:opus|sonnet|fable)-5(?:-1m)?$/, LATER_CLAUDE],
  [/^gpt-5\.6(?:-|$)/, { properties: { reasoning: { properties: { effort: { enum: ['none', ...FIVE_EFFORTS] } } } } }],
];
