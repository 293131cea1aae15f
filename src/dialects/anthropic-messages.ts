/** The dialect of Anthropic's Messages API: its requests, and a turn whole or as server-sent events. */

import type Anthropic from '@anthropic-ai/sdk';
import type { Block } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import type { BlockHead, Completion, FinishReason, GrowingBlock, StreamEvent } from '../core/stream.js';
import { NO_SIGNATURE, readMessage, writeBlock, writeFindings, writeHead, type WireBlock } from './messages.js';
import { readTexts } from './content.js';
import { creditField, readJson, writeData, type Dialect, type Notices, type Reply } from './dialect.js';
import { writeErrorEvent, writeMessagesError } from './errors.js';
import { latest, messageList, requestReader, type ParameterTable } from './parameters.js';
import { readTool, readTools, type OfferedTool } from './tools.js';

const PARAMETERS: ParameterTable = {
  works: 'model messages system stream tools thinking output_config metadata',
  emulated: 'max_tokens stop_sequences tool_choice output_format',
  accepted: 'cache_control betas diagnostics user_profile_id workspace_id billing_policy fallback_credit_token',
  ignored:
    'thinking.display output_config.task_budget temperature top_p top_k context_management compaction container mcp_servers ' +
    'service_tier speed inference_geo fallbacks',
  refused: {
    thread: {
      why: 'this gateway keeps no threads; send the whole conversation.',
      // Anthropic's SDK falls back to sending the whole history only when it is told in exactly these words.
      details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
    },
  },
};

export const anthropicMessages: Dialect = {
  name: 'anthropic-messages',
  route: '/v1/messages',
  parameters: PARAMETERS,
  counting: { route: '/v1/messages/count_tokens', writeCount: (inputTokens) => ({ input_tokens: inputTokens }) },
  keepAlive: 'event: ping\ndata: {"type":"ping"}\n\n',
  readRequest: requestReader(PARAMETERS, (body, notices) => {
    const messages = messageList(body);
    const lastUser = messages.findLastIndex((it) => it.optional('role')?.value === 'user');
    const isGone = (message: Reader, at: number) =>
      at < lastUser && message.optional('clear_at')?.value === 'next_user_message';
    return {
      offered: offeredTools(body, messages, notices),
      system: readSystem(body, notices),
      messages: messages.flatMap((it, at) => (isGone(it, at) ? [] : readMessage(it, notices))),
      // Claude Code changes the effort in mid-conversation by a system message: the latest one holds.
      effort: latest([body, ...messages], 'output_config', 'effort'),
      thinking: body.optional('thinking'),
      // In `output_config`, or where the beta had it.
      format: body.optional('output_config')?.optional('format') ?? body.optional('output_format'),
      maxTokens: body.optional('max_tokens'),
      stops: body.optional('stop_sequences'),
      sessionId: readSessionId(body),
    };
  }),
  writeResponse: writeMessage,
  createStreamWriter: createMessagesWriter,
  writeError: writeMessagesError,
};

// --- requests

/** The instructions beside the messages, without Claude Code's billing line: it differs in every session. */
function readSystem(body: Reader, notices: Notices): string[] {
  const texts = readTexts(body.optional('system'), notices);
  return texts.map((it) => it.replace(BILLING_LINE, '')).filter((it) => it !== '');
}

/** Claude Code writes JSON with a `session_id` into the user id; its older versions a text ending in `_session_…`. */
function readSessionId(body: Reader): string | undefined {
  const userId = body.optional('metadata')?.optional('user_id')?.string() ?? '';
  if (!userId.startsWith('{')) return userId.split('_session_')[1] || undefined;
  return readJson(userId)?.textIfAny('session_id') || undefined;
}

/** The tools of the request, with what system messages have added to them and taken away. */
function offeredTools(body: Reader, messages: readonly Reader[], notices: Notices): OfferedTool[] {
  const offered = readTools(body, notices);
  const removed = new Set<string>();
  const contents = messages.flatMap((it) => (it.get('role').value === 'system' ? it.get('content') : []));
  for (const block of contents.flatMap((it) => (it.isArray() ? it.array() : []))) {
    const type = block.optional('type')?.value;
    if (type !== 'tool_addition' && type !== 'tool_removal') continue;
    const definition = block.get('tool').optional('definition');
    const added = definition === undefined ? [] : readTool(definition, notices);
    offered.push(...added);
    const name = added[0]?.tool.name ?? block.get('tool').optional('name')?.string() ?? '';
    if (type === 'tool_removal') removed.add(name);
    else removed.delete(name);
  }
  return offered.filter(({ tool }) => !removed.has(tool.name));
}

const BILLING_LINE = /^x-anthropic-billing-header:[^\n]*\n*/;

// --- answers

/** The answer of a request that is not streamed. */
function writeMessage(completion: Completion, reply: Reply): WireMessage {
  const written = completion.blocks.map((it) => writeBlock(it, reply.replyContext.forms));
  // A cut tool call has no place in this form; `max_tokens` tells the client that something is missing.
  const isCut = written.some((blocks) => blocks.length === 0);
  return {
    id: `msg_${reply.id}`,
    type: 'message',
    role: 'assistant',
    model: reply.model,
    stop_sequence: completion.stopSequence ?? null,
    stop_details: null,
    container: null,
    diagnostics: null,
    content: written.flat(),
    stop_reason: isCut ? 'max_tokens' : STOP_REASONS[completion.finishReason],
    usage: {
      ...writeUsage(completion),
      cache_creation: { ephemeral_5m_input_tokens: completion.usage.cacheWriteTokens, ephemeral_1h_input_tokens: 0 },
      service_tier: 'standard',
      inference_geo: null,
      speed: null,
      ...creditField(completion),
    },
  };
}

/** Our block edges are Anthropic's, but for a search, which is two blocks there: they are all this writer remembers. */
function createMessagesWriter(reply: Reply): (event: StreamEvent) => string {
  let searches = 0;
  return (event) => {
    switch (event.type) {
      case 'start':
        return writeMessageStart(event.inputTokens, reply);
      case 'block-start':
        return writeBlockStart(event.index + searches, event.block, reply);
      case 'block-delta':
        return writeDelta(event.index + searches, event.block, event.delta);
      case 'block-end':
        if (event.block.type === 'web-search') searches++;
        return writeBlockEnd(event.index + searches, event.block);
      case 'finish':
        return writeFinish(event.completion);
      case 'error':
        return writeEvent('error', writeErrorEvent(event.error, `req_${reply.id}`));
    }
  };
}

function writeEvent(type: string, fields: object): string {
  return `event: ${type}\ndata: ${writeData({ type, ...fields })}\n\n`;
}

/** Everything of the message but what the turn will bring. */
function writeMessageStart(inputTokens: number, reply: Reply): string {
  const usage = { ...NO_TOKENS, inputTokens, source: 'estimate' as const };
  const nothing = { blocks: [], finishReason: 'stop' as const, usage, credits: undefined };
  return writeEvent('message_start', { message: { ...writeMessage(nothing, reply), stop_reason: null } });
}

/** Deltas are nearly all that is written, so only the text itself is made into JSON. */
function writeDelta(index: number, block: GrowingBlock | 'signature', delta: string): string {
  const head = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":`;
  return `${head}${DELTA_HEADS[block]}${writeData(delta)}}}\n\n`;
}

/** The client learns of a search when it begins, and is shown the result as a block of its own. */
function writeBlockStart(index: number, block: BlockHead, reply: Reply): string {
  const content_block = writeHead(block, reply.replyContext.forms);
  const start = writeEvent('content_block_start', { index, content_block });
  if (block.type !== 'web-search') return start;
  return start + writeDelta(index, 'tool-call', writeData({ query: block.query })) + writeBlockStop(index);
}

function writeBlockEnd(index: number, block: Block): string {
  let rest = '';
  if (block.type === 'web-search')
    rest = writeEvent('content_block_start', { index, content_block: writeFindings(block) });
  if (block.type === 'reasoning') rest = writeDelta(index, 'signature', block.signature || NO_SIGNATURE);
  return rest + writeBlockStop(index);
}

function writeBlockStop(index: number): string {
  return writeEvent('content_block_stop', { index });
}

function writeFinish(completion: Completion): string {
  const stop_reason = STOP_REASONS[completion.finishReason];
  const stop_sequence = completion.stopSequence ?? null;
  const delta = { stop_reason, stop_sequence, stop_details: null, container: null };
  const usage = { ...writeUsage(completion), ...creditField(completion) };
  return writeEvent('message_delta', { delta, usage }) + writeEvent('message_stop', {});
}

type WireMessage = Omit<Anthropic.Message, 'content'> & { readonly content: readonly WireBlock[] };

/** Anthropic counts the cache beside the input; we count it as a part of it. */
function writeUsage({ blocks, usage }: Completion): Anthropic.MessageDeltaUsage & { readonly input_tokens: number } {
  // One that failed is not charged for, nor counted.
  const searches = blocks.filter((it) => it.type === 'web-search' && it.failure === undefined).length;
  return {
    input_tokens: Math.max(0, usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens),
    output_tokens: usage.outputTokens,
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cacheReadTokens,
    output_tokens_details: { thinking_tokens: usage.reasoningTokens },
    server_tool_use: searches === 0 ? null : { web_search_requests: searches, web_fetch_requests: 0 },
  };
}

const STOP_REASONS = {
  stop: 'end_turn',
  length: 'max_tokens',
  'context-full': 'model_context_window_exceeded',
  'tool-calls': 'tool_use',
  'stop-sequence': 'stop_sequence',
  'content-filter': 'refusal',
} as const satisfies Record<FinishReason, Anthropic.StopReason>;

const DELTA_HEADS = {
  text: '{"type":"text_delta","text":',
  reasoning: '{"type":"thinking_delta","thinking":',
  'tool-call': '{"type":"input_json_delta","partial_json":',
  signature: '{"type":"signature_delta","signature":',
} as const satisfies Record<GrowingBlock | 'signature', string>;

const NO_TOKENS = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
