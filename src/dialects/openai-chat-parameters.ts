/** Every parameter of OpenAI's Chat Completions API, and what becomes of it. */

import type { Reader } from '../core/reader.js';
import { always, numberOtherThan, wordOtherThan, type ParameterTable } from './parameters.js';

export const CHAT_PARAMETERS = {
  model: { fate: 'works' },
  messages: { fate: 'works' },
  stream: { fate: 'works' },
  stream_options: { fate: 'works' },
  tools: { fate: 'works' },
  functions: { fate: 'works' },
  reasoning_effort: { fate: 'works' },
  prompt_cache_key: { fate: 'works' },
  max_tokens: { fate: 'emulated' },
  max_completion_tokens: { fate: 'emulated' },
  stop: { fate: 'emulated' },
  tool_choice: { fate: 'emulated' },
  function_call: { fate: 'emulated' },
  parallel_tool_calls: { fate: 'emulated' },
  response_format: { fate: 'emulated' },
  user: { fate: 'accepted' },
  metadata: { fate: 'accepted' },
  temperature: { fate: 'ignored', matters: numberOtherThan(1) },
  top_p: { fate: 'ignored', matters: numberOtherThan(1) },
  presence_penalty: { fate: 'ignored', matters: numberOtherThan(0) },
  frequency_penalty: { fate: 'ignored', matters: numberOtherThan(0) },
  seed: { fate: 'ignored', matters: always },
  logit_bias: { fate: 'ignored', matters: (it) => Object.keys(it.object()).length > 0 },
  store: { fate: 'ignored', matters: (it) => it.boolean() },
  service_tier: { fate: 'ignored', matters: wordOtherThan('auto', 'default') },
  verbosity: { fate: 'ignored', matters: wordOtherThan('medium') },
  safety_identifier: { fate: 'ignored', matters: always },
  prompt_cache_options: { fate: 'ignored', matters: always },
  prompt_cache_retention: { fate: 'ignored', matters: always },
  prediction: { fate: 'ignored', matters: always },
  moderation: { fate: 'ignored', matters: always },
  web_search_options: { fate: 'ignored', matters: always },
  search_parameters: { fate: 'ignored', matters: (it) => it.optional('mode')?.value !== 'off' },
  n: {
    fate: 'refused',
    isAsked: (it) => it.number() > 1,
    why: 'Kiro gives one answer at a time; leave it out or set it to 1.',
  },
  logprobs: { fate: 'refused', isAsked: (it) => it.boolean(), why: 'Kiro gives no probabilities; leave it out.' },
  top_logprobs: {
    fate: 'refused',
    isAsked: (it) => it.number() > 0,
    why: 'Kiro gives no probabilities; leave it out.',
  },
  modalities: { fate: 'refused', isAsked: namesAudio, why: 'Kiro speaks text only; leave out "audio".' },
  audio: { fate: 'refused', isAsked: always, why: 'Kiro speaks text only; leave it out.' },
} as const satisfies ParameterTable;

function namesAudio(modalities: Reader): boolean {
  return modalities.array().some((it) => it.string() === 'audio');
}
