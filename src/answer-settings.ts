/** The settings of how answers are read: reasoning in tags, calls in words, cuts. A part of the table in `settings.ts`. */

import { TAG_HANDLINGS } from './kiro/answer-text.js';
import * as kind from './setting-kinds.js';
import type { SettingRow } from './settings.js';

export const ANSWER_SETTINGS = {
  fakeReasoning: {
    variable: 'FAKE_REASONING',
    kind: kind.trueOrFalseOr('always'),
    default: 'true',
    inFolder: 'accepted',
    doc: 'Reasoning in tags for models without their own: when asked for (`true`), `always` or never (`false`).',
  },
  fakeReasoningMaxTokens: {
    variable: 'FAKE_REASONING_MAX_TOKENS',
    kind: kind.wholeNumber(1, 200_000, 'tokens'),
    default: '4000',
    inFolder: 'accepted',
    doc: 'How long a model may reason in tags, unless the client names a budget.',
  },
  fakeReasoningHandling: {
    variable: 'FAKE_REASONING_HANDLING',
    kind: kind.oneOf(...TAG_HANDLINGS),
    default: 'as_reasoning_content',
    inFolder: 'accepted',
    doc: 'What becomes of it: reasoning, or `remove`, `pass` (text with tags), `strip_tags` (text without).',
  },
  textToolCalls: {
    variable: 'TEXT_TOOL_CALLS',
    kind: kind.trueOrFalse,
    default: 'false',
    inFolder: 'accepted',
    doc: 'Takes tool calls that a model only writes down as text for real ones.',
  },
  truncationRecovery: {
    variable: 'TRUNCATION_RECOVERY',
    kind: kind.trueOrFalse,
    default: 'true',
    inFolder: 'accepted',
    doc: 'Tells the model, beside the result, that its tool call was cut off by the output limit.',
  },
} as const satisfies Readonly<Record<string, SettingRow>>;
