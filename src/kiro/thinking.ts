/** What a client wishes of reasoning, in the terms of the model's own schema (protocol 10.3). */

import type { Effort, Model, ReasoningWish } from '../core/conversation.js';
import { isRecord } from '../core/reader.js';
import type { JsonObject } from './schema.js';

/**
 * The request's `additionalModelRequestFields`, or undefined when the model has no such control or nothing was wished.
 * Only what the schema names is sent: Kiro refuses everything else.
 */
export function toRequestFields(wish: ReasoningWish, model: Model): JsonObject | undefined {
  const schema = model.requestFieldsSchema;
  if (schema === undefined || (wish.mode === undefined && wish.effort === undefined)) return undefined;
  const fields: Record<string, unknown> = {};
  const effort = offeredEffort(wish, model.efforts);
  if (effort !== undefined && propertyOf(schema, 'output_config')) fields['output_config'] = { effort };
  if (effort !== undefined && propertyOf(schema, 'reasoning')) fields['reasoning'] = { effort };
  const thinking = propertyOf(schema, 'thinking');
  if (thinking !== undefined) {
    const type = wish.mode === 'off' ? 'disabled' : 'adaptive';
    const shows = type === 'adaptive' && enumOf(thinking, 'display').includes('summarized');
    // Without a display the newer models think in silence.
    if (enumOf(thinking, 'type').includes(type)) {
      fields['thinking'] = shows ? { type, display: 'summarized' } : { type };
    }
  }
  return Object.keys(fields).length > 0 ? fields : undefined;
}

/** The efforts that a model's schema offers, in its order. */
export function effortsOf(schema: JsonObject | undefined): readonly string[] {
  if (schema === undefined) return [];
  const holder = propertyOf(schema, 'output_config') ?? propertyOf(schema, 'reasoning');
  return holder === undefined ? [] : enumOf(holder, 'effort');
}

/** The wished effort, or the next higher one that is offered, else the highest. */
function offeredEffort(wish: ReasoningWish, offered: readonly string[]): string | undefined {
  const known = EFFORTS.filter((it) => offered.includes(it));
  if (wish.mode === 'off' && wish.effort === undefined) return known[0];
  const effort = wish.effort ?? effortOfBudget(wish.budget);
  if (effort === undefined) return undefined;
  const from = EFFORTS.indexOf(effort);
  return known.find((it) => EFFORTS.indexOf(it) >= from) ?? known.at(-1);
}

function effortOfBudget(tokens: number | undefined): Effort | undefined {
  if (tokens === undefined) return undefined;
  return BUDGETS.find(([limit]) => tokens <= limit)?.[1] ?? 'max';
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
