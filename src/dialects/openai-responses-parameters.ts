/** Every parameter of OpenAI's Responses API, and what becomes of it. */

import { always, isFilledList, numberOtherThan, wordOtherThan, type ParameterTable } from './parameters.js';

export const RESPONSES_PARAMETERS = {
  model: { fate: 'works' },
  input: { fate: 'works' },
  instructions: { fate: 'works' },
  stream: { fate: 'works' },
  stream_options: { fate: 'accepted' },
  tools: { fate: 'works' },
  reasoning: { fate: 'works' },
  prompt_cache_key: { fate: 'works' },
  max_output_tokens: { fate: 'emulated' },
  tool_choice: { fate: 'emulated' },
  parallel_tool_calls: { fate: 'emulated' },
  text: { fate: 'emulated' },
  metadata: { fate: 'accepted' },
  client_metadata: { fate: 'accepted' },
  user: { fate: 'accepted' },
  // OpenAI keeps answers unless it is told not to: to note that would be to note every request.
  store: { fate: 'accepted' },
  include: {
    fate: 'ignored',
    matters: (it) => it.array().some((what) => what.value !== 'reasoning.encrypted_content'),
  },
  temperature: { fate: 'ignored', matters: numberOtherThan(1) },
  top_p: { fate: 'ignored', matters: numberOtherThan(1) },
  top_logprobs: { fate: 'ignored', matters: numberOtherThan(0) },
  max_tool_calls: { fate: 'ignored', matters: always },
  truncation: { fate: 'ignored', matters: wordOtherThan('disabled') },
  service_tier: { fate: 'ignored', matters: wordOtherThan('auto', 'default') },
  safety_identifier: { fate: 'ignored', matters: always },
  prompt_cache_options: { fate: 'ignored', matters: always },
  prompt_cache_retention: { fate: 'ignored', matters: always },
  context_management: { fate: 'ignored', matters: isFilledList },
  moderation: { fate: 'ignored', matters: always },
  previous_response_id: {
    fate: 'refused',
    isAsked: always,
    why: 'this gateway keeps no answers; send the whole conversation as input.',
    details: { error_code: 'previous_response_not_found' },
  },
  conversation: {
    fate: 'refused',
    isAsked: always,
    why: 'this gateway keeps no conversations; send the whole one as input.',
  },
  background: {
    fate: 'refused',
    isAsked: (it) => it.boolean(),
    why: 'this gateway keeps no answers to fetch later; stream it instead.',
  },
  prompt: {
    fate: 'refused',
    isAsked: always,
    why: 'templates are kept by OpenAI; send the text itself as instructions and input.',
  },
} as const satisfies ParameterTable;
