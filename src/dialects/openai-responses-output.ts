/** A whole turn as one response object, and its parts that the stream shares. */

import type { Responses } from 'openai/resources/responses/responses';
import type { Block } from '../core/conversation.js';
import type { GatewayError } from '../core/errors.js';
import type { BlockHead, Completion, FinishReason, Usage } from '../core/stream.js';
import { creditField } from './credits.js';
import type { Reply } from './dialect.js';
import { writeCall, writeCallHead, type CallItem } from './openai-responses-calls.js';
import { writeFailure } from './openai-responses-errors.js';
import { writeReasoning } from './openai-responses-reasoning.js';
import type { CallForm, CallForms } from './openai-responses-tools.js';

/** What the answer has to know of the request. */
export type ReplyContext = { readonly forms: CallForms; readonly echo: Echo };

/** The request's own fields, as far as a response repeats them. */
export type Echo = Pick<
  Responses.Response,
  | 'instructions'
  | 'max_output_tokens'
  | 'metadata'
  | 'parallel_tool_calls'
  | 'previous_response_id'
  | 'reasoning'
  | 'service_tier'
  | 'temperature'
  | 'text'
  | 'tool_choice'
  | 'tools'
  | 'top_p'
  | 'truncation'
> & { readonly store: boolean };

export type Item = Responses.ResponseOutputMessage | Responses.ResponseReasoningItem | CallItem;

/** The answer of a request that is not streamed. */
export function writeResponse(completion: Completion, reply: Reply): object {
  return { ...writeConstant(reply), ...writeEnd(completion, writeItems(completion.blocks, reply)) };
}

/** What a response says about itself from its beginning to its end. */
export function writeConstant(reply: Reply): object {
  const head = { id: `resp_${reply.id}`, object: 'response', created_at: reply.createdAt, model: reply.model };
  return { ...head, ...contextOf(reply).echo };
}

/** What changes in the course of a turn; the SDK computes `output_text` itself. */
export type State = Pick<Responses.Response, 'status' | 'completed_at' | 'incomplete_details' | 'usage'> & {
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly output: readonly Item[];
};

export function writeBeginning(): State {
  return { status: 'in_progress', ...NOTHING_YET };
}

export function writeEnd(completion: Completion, output: readonly Item[]): State {
  const reason = INCOMPLETE_REASONS[completion.finishReason];
  const told = { ...NOTHING_YET, output, usage: { ...writeUsage(completion.usage), ...creditField(completion) } };
  if (reason === undefined) return { status: 'completed', ...told };
  return { status: 'incomplete', ...told, incomplete_details: { reason } };
}

/** What was said before the failure stays. */
export function writeFailed(error: GatewayError, output: readonly Item[]): State {
  return { status: 'failed', ...NOTHING_YET, output, error: writeFailure(error) };
}

/** The item of a block; none for a call that was cut, where its form has no place for one. */
export function writeItem(block: Block, index: number, reply: Reply): Item[] {
  const id = itemId(block, index, reply);
  switch (block.type) {
    case 'text':
      return [{ type: 'message', id, status: 'completed', role: 'assistant', content: [writeText(block.text)] }];
    case 'reasoning':
    case 'redacted-reasoning':
      return [writeReasoning(block, id)];
    case 'tool-call':
      return writeCall(block, formOf(block.name, reply), id);
  }
}

/** An item as it begins in a stream. */
export function writeItemHead(block: BlockHead, index: number, reply: Reply): Item[] {
  const id = itemId(block, index, reply);
  switch (block.type) {
    case 'text':
      return [{ type: 'message', id, status: 'in_progress', role: 'assistant', content: [] }];
    case 'reasoning':
    case 'redacted-reasoning':
      return [{ type: 'reasoning', id, summary: [] }];
    case 'tool-call':
      return writeCallHead(block, formOf(block.name, reply), id);
  }
}

export function writeText(text: string): Responses.ResponseOutputText {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

/** Items are numbered by their place in the output, which not every block has. */
function writeItems(blocks: readonly Block[], reply: Reply): readonly Item[] {
  const items: Item[] = [];
  for (const block of blocks) items.push(...writeItem(block, items.length, reply));
  return items;
}

function itemId(block: BlockHead, index: number, reply: Reply): string {
  const prefix = block.type === 'tool-call' ? CALL_PREFIXES[formOf(block.name, reply).type] : PREFIXES[block.type];
  return `${prefix}_${reply.id}_${index}`;
}

/** A name that the request did not offer is a function's. */
function formOf(name: string, reply: Reply): CallForm {
  return contextOf(reply).forms.get(name) ?? { type: 'function_call', name };
}

function contextOf(reply: Reply): ReplyContext {
  // The cast is this dialect's reader, which made it.
  return (reply.replyContext as ReplyContext | undefined) ?? NO_CONTEXT;
}

function writeUsage(usage: Usage): Responses.ResponseUsage {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cacheReadTokens, cache_write_tokens: usage.cacheWriteTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

const PREFIXES = { text: 'msg', reasoning: 'rs', 'redacted-reasoning': 'rs' } as const satisfies Record<
  Exclude<BlockHead['type'], 'tool-call'>,
  string
>;

const CALL_PREFIXES = {
  function_call: 'fc',
  custom_tool_call: 'ctc',
  local_shell_call: 'lsh',
  shell_call: 'sh',
  apply_patch_call: 'apc',
  tool_search_call: 'tsc',
} as const satisfies Record<CallForm['type'], string>;

const INCOMPLETE_REASONS = {
  stop: undefined,
  'tool-calls': undefined,
  'stop-sequence': undefined,
  length: 'max_output_tokens',
  'context-full': 'max_output_tokens',
  'content-filter': 'content_filter',
} as const satisfies Record<FinishReason, 'max_output_tokens' | 'content_filter' | undefined>;

/** Nobody knows here what time it is at the end. */
const NOTHING_YET = { completed_at: null, error: null, incomplete_details: null, output: [] } as const;

/** What OpenAI assumes where a request says nothing. Nothing is ever stored here. */
export const STANDARD_ECHO: Echo = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  service_tier: 'default',
  store: false,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
};

const NO_CONTEXT: ReplyContext = { forms: new Map(), echo: STANDARD_ECHO };
