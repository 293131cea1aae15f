/** Every parameter of Anthropic's Messages API, and what becomes of it. */

import { always, isFilledList, numberOtherThan, wordOtherThan, type ParameterTable } from './parameters.js';

export const MESSAGES_PARAMETERS = {
  model: { fate: 'works' },
  messages: { fate: 'works' },
  system: { fate: 'works' },
  stream: { fate: 'works' },
  tools: { fate: 'works' },
  thinking: { fate: 'works' },
  output_config: { fate: 'works' },
  metadata: { fate: 'works' },
  max_tokens: { fate: 'emulated' },
  stop_sequences: { fate: 'emulated' },
  tool_choice: { fate: 'emulated' },
  output_format: { fate: 'emulated' },
  cache_control: { fate: 'accepted' },
  betas: { fate: 'accepted' },
  diagnostics: { fate: 'accepted' },
  user_profile_id: { fate: 'accepted' },
  workspace_id: { fate: 'accepted' },
  billing_policy: { fate: 'accepted' },
  fallback_credit_token: { fate: 'accepted' },
  temperature: { fate: 'ignored', matters: numberOtherThan(1) },
  top_p: { fate: 'ignored', matters: numberOtherThan(1) },
  top_k: { fate: 'ignored', matters: always },
  // Kiro keeps no thinking of earlier turns, which is what the usual edit asks for.
  context_management: {
    fate: 'ignored',
    matters: (it) =>
      (it.optional('edits')?.array() ?? []).some((edit) => !edit.get('type').string().startsWith('clear_thinking')),
  },
  compaction: { fate: 'ignored', matters: always },
  container: { fate: 'ignored', matters: always },
  mcp_servers: { fate: 'ignored', matters: isFilledList },
  service_tier: { fate: 'ignored', matters: wordOtherThan('auto', 'standard_only') },
  speed: { fate: 'ignored', matters: wordOtherThan('standard') },
  inference_geo: { fate: 'ignored', matters: always },
  fallbacks: { fate: 'ignored', matters: always },
  // Anthropic's SDK falls back to sending the whole history only when it is told in exactly these words.
  thread: {
    fate: 'refused',
    isAsked: always,
    why: 'this gateway keeps no threads; send the whole conversation.',
    details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
  },
} as const satisfies ParameterTable;
