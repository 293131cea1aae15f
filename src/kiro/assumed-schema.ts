/** The reasoning control of models that no catalogue describes, by what is known of their families (protocol 10.3). */

import type { JsonObject } from './schema.js';

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
