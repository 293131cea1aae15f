/** A turn as OpenAI's Responses API tells it, whole or as events. */

import type { Responses } from 'openai/resources/responses/responses';
import type { Block } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import type { BlockHead, Completion, FinishReason, StreamEvent } from '../core/stream.js';
import { creditField, writeData, type Reply } from './dialect.js';
import { writeFailure } from './errors.js';
import {
  searchAction,
  writeCall,
  writeReasoning,
  writeSearch,
  writeSummary,
  type CallForm,
  type CallItem,
} from './openai-responses-items.js';

/** What the answer has to know of the request; `echo` are the request's own fields, as far as a response repeats them. */
export type ReplyContext = { readonly forms: ReadonlyMap<string, CallForm>; readonly echo: object };

/** What the client set, as it wrote it; the SDKs' own types say what that is. Nothing is ever stored here. */
export function readEcho(body: Reader): object {
  const given = Object.keys(STANDARD_ECHO).filter((key) => key !== 'store' && body.has(key));
  return { ...STANDARD_ECHO, ...Object.fromEntries(given.map((key) => [key, body.get(key).value])) };
}

/** The answer of a request that is not streamed. */
export function writeResponse(completion: Completion, reply: Reply): object {
  const output: Item[] = [];
  // Items are numbered by their place in the output, which not every block has.
  for (const block of completion.blocks) output.push(...writeItem(block, output.length, reply));
  return { ...writeConstant(reply), ...writeEnd(completion, output) };
}

/** Events are numbered, items have places, and the last event repeats all items: that is what has to be remembered. */
export function createResponsesWriter(reply: Reply): (event: StreamEvent) => string {
  const constant = writeData(writeConstant(reply)).slice(0, -1);
  const output: Item[] = [];
  let sequenceNumber = 0;
  /** The item that is growing; none between items, and none where the form tells an item only as a whole. */
  let open: { readonly item: Item; readonly deltas: Deltas | undefined; hasGrown: boolean } | undefined;

  const begin = (type: EventType) => `event: ${type}\ndata: {"type":"${type}","sequence_number":${sequenceNumber++},`;

  const write = <T extends EventType>(type: T, fields: Fields<T>) => `${begin(type)}${writeData(fields).slice(1)}\n\n`;

  const writeState = (type: EventType, state: object) =>
    `${begin(type)}"response":${constant},${writeData(state).slice(1)}}\n\n`;

  const writeStart = () => {
    const state = { status: 'in_progress', ...NOTHING_YET };
    return writeState('response.created', state) + writeState('response.in_progress', state);
  };

  const place = (item: Item) => ({ item_id: item.id ?? '', output_index: output.length });

  const writeItemStart = (item: Item) => {
    const added = write('response.output_item.added', { output_index: output.length, item });
    if (item.type === 'web_search_call') {
      const begun = write('response.web_search_call.in_progress', place(item));
      return added + begun + write('response.web_search_call.searching', place(item));
    }
    if (item.type !== 'message') return added;
    return added + write('response.content_part.added', { ...place(item), content_index: 0, part: writeText('') });
  };

  const writeBlockStart = (block: BlockHead) => {
    const item = writeItemHead(block, output.length, reply);
    if (item === undefined) return '';
    // What is the same in all deltas of an item is made once.
    const [type, fields] = DELTAS[item.type] ?? [];
    const head = `${writeData({ ...place(item), ...fields }).slice(1, -1)},"delta":`;
    open = { item, deltas: type && { type, head }, hasGrown: false };
    return writeItemStart(item);
  };

  const writeGrowth = (delta: string) => {
    // An empty delta only shows that it goes on; it must not begin a part that may never come.
    if (open?.deltas === undefined || (delta === '' && !open.hasGrown)) return '';
    const { item, deltas, hasGrown } = open;
    open.hasGrown = true;
    const part = { ...place(item), summary_index: 0, part: writeSummary('') };
    const opened = hasGrown || item.type !== 'reasoning' ? '' : write('response.reasoning_summary_part.added', part);
    return `${opened}${begin(deltas.type)}${deltas.head}${writeData(delta)}}\n\n`;
  };

  const writeBlockEnd = (block: Block) => {
    const [item] = writeItem(block, output.length, reply);
    if (item === undefined) return '';
    const head = item.type === 'custom_tool_call' ? { ...item, status: 'in_progress' as const, input: '' } : item;
    const start = open === undefined ? writeItemStart(head) : '';
    const end = writePartEnd(item) + write('response.output_item.done', { output_index: output.length, item });
    output.push(item);
    open = undefined;
    return start + end;
  };

  const writePartEnd = (item: Item) => {
    switch (item.type) {
      case 'message': {
        const [part = writeText('')] = item.content;
        const at = { ...place(item), content_index: 0 };
        const text = 'text' in part ? part.text : '';
        const done = write('response.output_text.done', { ...at, text, logprobs: [] });
        return done + write('response.content_part.done', { ...at, part });
      }
      case 'reasoning': {
        const [part] = item.summary;
        if (part === undefined) return '';
        const at = { ...place(item), summary_index: 0 };
        const done = write('response.reasoning_summary_text.done', { ...at, text: part.text });
        return done + write('response.reasoning_summary_part.done', { ...at, part });
      }
      case 'function_call': {
        // A call without input has no deltas, yet some clients read nothing else.
        const only = open?.hasGrown || item.arguments === '' ? '' : writeGrowth(item.arguments);
        return only + write('response.function_call_arguments.done', { ...place(item), arguments: item.arguments });
      }
      case 'custom_tool_call': {
        const { input } = item;
        const at = place(item);
        const only = input === '' ? '' : write('response.custom_tool_call_input.delta', { ...at, delta: input });
        return only + write('response.custom_tool_call_input.done', { ...at, input });
      }
      case 'web_search_call':
        return write('response.web_search_call.completed', place(item));
      case 'local_shell_call':
      case 'shell_call':
      case 'apply_patch_call':
      case 'tool_search_call':
        return '';
    }
  };

  return (event) => {
    switch (event.type) {
      case 'start':
        return writeStart();
      case 'block-start':
        return writeBlockStart(event.block);
      case 'block-delta':
        return writeGrowth(event.delta);
      case 'block-end':
        return writeBlockEnd(event.block);
      case 'finish': {
        const state = writeEnd(event.completion, output);
        return writeState(`response.${state.status}`, state);
      }
      case 'error': {
        // The headers may have gone out before the turn began: the SDKs want to see it created all the same.
        const start = sequenceNumber === 0 ? writeStart() : '';
        // What was said before the failure stays.
        const state = { status: 'failed', ...NOTHING_YET, output, error: writeFailure(event.error) };
        return start + writeState('response.failed', state);
      }
    }
  };
}

type EventType = Responses.ResponseStreamEvent['type'];
type Fields<T extends EventType> = Omit<
  Extract<Responses.ResponseStreamEvent, { type: T }>,
  'type' | 'sequence_number'
>;
type Item =
  Responses.ResponseOutputMessage | Responses.ResponseReasoningItem | Responses.ResponseFunctionWebSearch | CallItem;
type Deltas = { readonly type: EventType; readonly head: string };

/** What a response says about itself from its beginning to its end. */
function writeConstant(reply: Reply): object {
  const head = { id: `resp_${reply.id}`, object: 'response', created_at: reply.createdAt, model: reply.model };
  return { ...head, ...contextOf(reply).echo };
}

/** How a response ends; the SDK computes `output_text` itself. */
function writeEnd(completion: Completion, output: readonly Item[]) {
  const reason = INCOMPLETE_REASONS[completion.finishReason];
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = completion.usage;
  const usage: Responses.ResponseUsage = {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cacheReadTokens, cache_write_tokens: cacheWriteTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
    ...creditField(completion),
  };
  const status = reason === undefined ? ('completed' as const) : ('incomplete' as const);
  return { status, ...NOTHING_YET, incomplete_details: reason === undefined ? null : { reason }, output, usage };
}

/** The item of a block; none for a call that was cut, where its form has no place for one. */
function writeItem(block: Block, index: number, reply: Reply): Item[] {
  const id = itemId(block, index, reply);
  switch (block.type) {
    case 'text':
      return [{ type: 'message', id, status: 'completed', role: 'assistant', content: [writeText(block.text)] }];
    case 'reasoning':
    case 'redacted-reasoning':
      return [writeReasoning(block, id)];
    case 'tool-call':
      return writeCall(block, formOf(block.name, reply), id);
    case 'web-search':
      return [writeSearch(block, id)];
  }
}

/** An item as it begins to grow in a stream; of calls only those of functions, because those of others may be cut. */
function writeItemHead(block: BlockHead, index: number, reply: Reply): Item | undefined {
  const id = itemId(block, index, reply);
  switch (block.type) {
    case 'text':
      return { type: 'message', id, status: 'in_progress', role: 'assistant', content: [] };
    case 'reasoning':
    case 'redacted-reasoning':
      return { type: 'reasoning', id, summary: [] };
    case 'tool-call': {
      const form = formOf(block.name, reply);
      if (form.type !== 'function_call') return undefined;
      return { ...form, id, call_id: block.id, status: 'in_progress', type: form.type, arguments: '' };
    }
    case 'web-search':
      return { type: 'web_search_call', id, status: 'in_progress', action: searchAction(block.query) };
  }
}

function writeText(text: string): Responses.ResponseOutputText {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function itemId(block: BlockHead, index: number, reply: Reply): string {
  const prefix = PREFIXES[block.type === 'tool-call' ? formOf(block.name, reply).type : block.type];
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

const PREFIXES = {
  text: 'msg',
  reasoning: 'rs',
  'redacted-reasoning': 'rs',
  'web-search': 'ws',
  function_call: 'fc',
  custom_tool_call: 'ctc',
  local_shell_call: 'lsh',
  shell_call: 'sh',
  apply_patch_call: 'apc',
  tool_search_call: 'tsc',
} as const satisfies Record<Exclude<BlockHead['type'], 'tool-call'> | CallForm['type'], string>;

const DELTAS: { readonly [T in Item['type']]?: readonly [type: EventType, fields: object] } = {
  message: ['response.output_text.delta', { content_index: 0, logprobs: [] }],
  reasoning: ['response.reasoning_summary_text.delta', { summary_index: 0 }],
  function_call: ['response.function_call_arguments.delta', {}],
};

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

/** What OpenAI assumes where a request says nothing. */
const STANDARD_ECHO = {
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
} as const satisfies Partial<Record<keyof Responses.Response, unknown>> & { readonly store: false };

const NO_CONTEXT: ReplyContext = { forms: new Map(), echo: STANDARD_ECHO };
