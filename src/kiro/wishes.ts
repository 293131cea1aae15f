/** What a client wishes of the answer, in the terms of the model's own schema (protocol 10.3), and else in words. */

import type { Conversation, Effort, JsonObject, Limits, Model, ReasoningWish, Tool } from '../core/conversation.js';
import { EFFORTS } from '../core/conversation.js';
import { isRecord } from '../core/reader.js';

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
  return enumOf(propertyOf(schema, 'output_config') ?? propertyOf(schema, 'reasoning'), 'effort');
}

/** True when no reasoning is to be shown. */
export function isUnwanted({ mode, effort }: ReasoningWish): boolean {
  return mode === 'off' || (mode === undefined && effort === 'none');
}

/** True when so much reasoning is wished that its first word may take minutes. */
export function thinksLong({ mode, effort, budget = 0 }: ReasoningWish): boolean {
  if (mode === 'off') return false;
  return effort === undefined ? budget > LONG_BUDGET_TOKENS : LONG_EFFORTS.has(effort);
}

function reasoningFields(wish: ReasoningWish, schema: JsonObject): JsonObject {
  if (wish.mode === undefined && wish.effort === undefined) return {};
  const fields: Record<string, unknown> = {};
  const thinking = propertyOf(schema, 'thinking');
  const types = enumOf(thinking, 'type');
  for (const holder of ['output_config', 'reasoning'] as const) {
    const offered = enumOf(propertyOf(schema, holder), 'effort');
    const effort = offeredEffort(toEffort(wish, { canBeOff: types.includes('disabled') }), offered);
    if (effort !== undefined) fields[holder] = { effort };
  }
  const type = isUnwanted(wish) ? 'disabled' : 'adaptive';
  // Without a display the newer models think in silence.
  const isShown = type === 'adaptive' && enumOf(thinking, 'display').includes('summarized');
  if (types.includes(type)) fields['thinking'] = isShown ? { type, display: 'summarized' } : { type };
  return fields;
}

/** Unwanted reasoning gets the least effort; where it can be off altogether, the effort is for the answer alone. */
function toEffort(wish: ReasoningWish, { canBeOff }: { readonly canBeOff: boolean }): Effort | undefined {
  if (isUnwanted(wish)) return (canBeOff ? wish.effort : undefined) ?? 'none';
  const { effort, budget } = wish;
  if (effort !== undefined || budget === undefined) return effort;
  return BUDGETS.find(([limit]) => budget <= limit)?.[1] ?? 'max';
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

/** The client's limit within the model's range; what is then too much, the gateway cuts itself. */
function limitField(maxTokens: number | undefined, schema: JsonObject): JsonObject {
  const range = propertyOf(schema, 'max_tokens');
  if (range === undefined || maxTokens === undefined) return {};
  const { minimum, maximum } = range;
  const least = typeof minimum === 'number' ? minimum : 1;
  const most = typeof maximum === 'number' ? maximum : Infinity;
  return { max_tokens: Math.min(Math.max(Math.round(maxTokens), least), most) };
}

function propertyOf(schema: JsonObject | undefined, name: string): JsonObject | undefined {
  const properties = schema?.['properties'];
  return isRecord(properties) && isRecord(properties[name]) ? properties[name] : undefined;
}

function enumOf(schema: JsonObject | undefined, name: string): readonly string[] {
  const values = propertyOf(schema, name)?.['enum'];
  return Array.isArray(values) ? values.filter((it) => typeof it === 'string') : [];
}

const LONG_EFFORTS: ReadonlySet<Effort> = new Set(['high', 'xhigh', 'max']);

/** What counts as effort high and above (protocol 10.3). */
const LONG_BUDGET_TOKENS = 20_000;

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

// --- in words: tool choice, the form of the answer, reasoning in tags

/** The tools that may be called in this answer. The others are not offered, so that the model cannot choose them. */
export function toolsToOffer({ tools, toolChoice }: Conversation): readonly Tool[] {
  if (toolChoice?.mode === 'none') return [];
  return toolChoice?.mode === 'named' ? tools.filter(({ name }) => toolChoice.names.includes(name)) : tools;
}

/**
 * Sentences for the end of the system text: all turns of a conversation share what stands before them.
 * @param nameFor A tool's name as Kiro is told it.
 */
export function wishesInWords(conversation: Conversation, nameFor: (name: string) => string): readonly string[] {
  const { tools, parallelToolCalls, answerFormat } = conversation;
  const sentences: string[] = [];
  if (tools.length > 0) sentences.push(...choiceInWords(conversation, nameFor));
  if (parallelToolCalls === false && toolsToOffer(conversation).length > 0) sentences.push(ONE_CALL);
  if (answerFormat !== undefined) {
    const { schema } = answerFormat;
    const form = schema === undefined ? '' : ` It follows this JSON schema:\n${JSON.stringify(schema)}`;
    sentences.push(`${ONE_VALUE}${form}`);
  }
  return sentences;
}

function choiceInWords({ toolChoice }: Conversation, nameFor: (name: string) => string): readonly string[] {
  switch (toolChoice?.mode) {
    case undefined:
      return [];
    case 'none':
      return ['Answer in words: no tool can be called in this turn.'];
    case 'required':
      return ['In this turn you must call a tool; do not answer in words alone.'];
    case 'named': {
      const names = toolChoice.names.map((name) => `\`${nameFor(name)}\``).join(' or ');
      return [`In this turn you must call the tool ${names}; do not answer in words alone.`];
    }
  }
}

const ONE_VALUE = 'Write your final answer as one JSON value and nothing else: no explanation and no Markdown fence.';
const ONE_CALL = 'Make at most one tool call at a time, and wait for its result before the next.';

/** When models without a control of their own are asked to reason in tags, and how long. */
export type TagWish = {
  /** True: when the client asks for reasoning. Even `always` respects a client that wants none. */
  readonly when: boolean | 'always';
  /** Unless the client names a budget. */
  readonly maxTokens: number;
};

/**
 * The words that ask for reasoning in tags (protocol 10.1); undefined where the model has a control of its own or nobody
 * wants any. They are the same in all turns of a conversation, so that these share their beginning.
 */
export function tagInstruction(wish: ReasoningWish, model: Model, tags: TagWish): string | undefined {
  const fields = ['thinking', 'output_config', 'reasoning'];
  const hasOwnControl = fields.some((it) => propertyOf(model.requestFieldsSchema, it) !== undefined);
  if (tags.when === false || hasOwnControl || isUnwanted(wish)) return undefined;
  if (tags.when === true && wish.mode !== 'on' && wish.effort === undefined) return undefined;
  const maxTokens = wish.budget ?? tags.maxTokens;
  return `<thinking_mode>enabled</thinking_mode><max_thinking_length>${maxTokens}</max_thinking_length>
Begin each answer with your reasoning between <thinking> and </thinking>, in at most ${maxTokens} tokens: take the \
question apart, weigh what speaks against your first idea, and plan your next step. Write nothing before <thinking>, and \
use these tags nowhere else. After </thinking> comes the answer itself, in the language of the person.`;
}

/** True when the system text already asks for it, in the words that all gateways use. */
export function asksForTags(system: readonly string[]): boolean {
  return system.some((text) => text.includes('<thinking_mode>'));
}
