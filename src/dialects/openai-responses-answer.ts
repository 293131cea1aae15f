/** A turn as OpenAI's Responses API tells it, whole or as events. */

import type { Responses } from 'openai/resources/responses/responses';
import type { Block } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import type { Completion, FinishReason, StreamEvent } from '../core/stream.js';
import { creditField, writeData, type Reply } from './dialect.js';
import { writeFailure } from './errors.js';
import { writeCall, writeReasoning, writeSearch, writeSummary, type CallItem } from './openai-responses-items.js';
import type { CallForm } from './tools.js';

/** What the client set, as it wrote it; the SDKs' own types say what that is. */
export function readEcho(body: Reader): object {
  const given = Object.keys(STANDARD_ECHO).filter((key) => body.has(key));
  return { ...STANDARD_ECHO, ...Object.fromEntries(given.map((key) => [key, body.get(key).value])) };
}

/** The answer of a request that is not streamed. */
export function writeResponse(completion: Completion, reply: Reply): object {
  const output: Item[] = [];
  const last = completion.blocks.length - 1;
  // Items are numbered by their place in the output, which not every block has.
  for (const [at, block] of completion.blocks.entries())
    output.push(...writeItem(block, output.length, reply, at === last ? statusOf(completion) : 'completed'));
  return { ...writeConstant(reply), ...writeEnd(completion, output) };
}

/** Events are numbered, items have places, and the last event repeats all items: that is what has to be remembered. */
export function createResponsesWriter(reply: Reply): (event: StreamEvent) => string {
  const constant = writeData(writeConstant(reply)).slice(0, -1);
  const output: Item[] = [];
  let sequenceNumber = 0;
  /** The item that is growing; none between items, and none where the form tells an item only as a whole. */
  let open: OpenItem | undefined;
  /** A block that has ended, until the next event tells whether that was the end of the turn, which may have cut it. */
  let ended: Block | undefined;

  const begin = (name: string) =>
    `event: response.${name}\ndata: {"type":"response.${name}","sequence_number":${sequenceNumber++},`;

  const write = (name: string, fields: object) => `${begin(name)}${writeData(fields).slice(1)}\n\n`;

  const writeState = (name: string, state: object) =>
    `${begin(name)}"response":${constant},${writeData(state).slice(1)}}\n\n`;

  const writeStart = () => {
    const state = { status: 'in_progress', ...NOTHING_YET };
    return writeState('created', state) + writeState('in_progress', state);
  };

  const openItem = (whole: Item) => {
    const { begun: item, growth } = courseOf(whole);
    const place = { item_id: item.id ?? '', output_index: output.length, ...growth?.index };
    // What is the same in all deltas of an item is made once.
    const head = `${writeData({ ...place, ...growth?.extra }).slice(1, -1)},"delta":`;
    open = { growth, place, head, hasGrown: false };
    const added = write('output_item.added', { output_index: output.length, item });
    if (item.type !== 'web_search_call') return added;
    return added + write('web_search_call.in_progress', place) + write('web_search_call.searching', place);
  };

  const writePart = (when: 'added' | 'done', text: string) => {
    const part = open?.growth?.part;
    return part === undefined ? '' : write(`${part.name}.${when}`, { ...open?.place, part: part.write(text) });
  };

  const grow = (delta: string) => {
    // An empty delta only shows that it goes on; it must not begin a part that may never come.
    if (open?.growth === undefined || (delta === '' && !open.hasGrown)) return '';
    const opened = open.hasGrown ? '' : writePart('added', '');
    open.hasGrown = true;
    return `${opened}${begin(`${open.growth.name}.delta`)}${open.head}${writeData(delta)}}\n\n`;
  };

  const endText = (text: string | undefined) => {
    if (open?.growth === undefined || text === undefined) return '';
    const { name, key, extra } = open.growth;
    // What had no deltas gets one, because some clients read nothing else.
    const grown = open.hasGrown ? '' : grow(text) || writePart('added', '');
    return grown + write(`${name}.done`, { ...open.place, [key]: text, ...extra }) + writePart('done', text);
  };

  const endBlock = (status: Status) => {
    const items = ended === undefined ? [] : writeItem(ended, output.length, reply, status);
    ended = undefined;
    return items.map(endItem).join('');
  };

  const endItem = (item: Item) => {
    const opened = open === undefined ? openItem(item) : '';
    const told = opened + endText(courseOf(item).growth?.text);
    const isSearch = item.type === 'web_search_call';
    const searched = isSearch ? write('web_search_call.completed', { ...open?.place }) : '';
    const done = write('output_item.done', { output_index: output.length, item });
    output.push(item);
    open = undefined;
    return told + searched + done;
  };

  return (event) => {
    switch (event.type) {
      case 'start':
        return writeStart();
      case 'block-start': {
        // A call that is sent only as a whole has no item yet.
        const before = endBlock('completed');
        const items = writeItem({ ...EMPTY, ...event.block }, output.length, reply, 'completed');
        return before + items.map(openItem).join('');
      }
      case 'block-delta':
        return grow(event.delta);
      case 'block-end':
        ended = event.block;
        // All other items say themselves whether they are whole, and clients may act on them at once.
        return ended.type === 'text' || ended.type === 'reasoning' ? '' : endBlock('completed');
      case 'finish': {
        const before = endBlock(statusOf(event.completion));
        const state = writeEnd(event.completion, output);
        return before + writeState(state.status, state);
      }
      case 'error': {
        // The headers may have gone out before the turn began: the SDKs want to see it created all the same.
        const before = sequenceNumber === 0 ? writeStart() : endBlock('completed');
        // What was said before the failure stays.
        const state = { status: 'failed', ...NOTHING_YET, output, error: writeFailure(event.error) };
        return before + writeState('failed', state);
      }
    }
  };
}

type Item =
  Responses.ResponseOutputMessage | Responses.ResponseReasoningItem | Responses.ResponseFunctionWebSearch | CallItem;

type Status = 'completed' | 'incomplete';

type OpenItem = {
  readonly growth: Growth | undefined;
  readonly place: object;
  readonly head: string;
  hasGrown: boolean;
};

/** How an item of one text grows: the name of its events, and where they have the text. */
type Growth = {
  readonly name: string;
  readonly key: string;
  /** As far as the item has it. */
  readonly text: string | undefined;
  readonly index?: object;
  readonly extra?: object;
  /** The text may lie in a part, with events of its own. */
  readonly part?: { readonly name: string; readonly write: (text: string) => object };
};

/** An item as it is when it begins, and how it grows; those that no event lets grow are told whole. */
function courseOf(item: Item): { readonly begun: Item; readonly growth?: Growth } {
  const status = 'in_progress';
  switch (item.type) {
    case 'message': {
      const text = item.content.map((part) => (part.type === 'output_text' ? part.text : '')).join('');
      const part = { name: 'content_part', write: writeText };
      const places = { index: { content_index: 0 }, extra: { logprobs: [] } };
      return {
        begun: { ...item, status, content: [] },
        growth: { name: 'output_text', key: 'text', text, ...places, part },
      };
    }
    case 'reasoning': {
      const part = { name: 'reasoning_summary_part', write: writeSummary };
      const text = item.summary[0]?.text;
      const growth = { name: 'reasoning_summary_text', key: 'text', text, index: { summary_index: 0 }, part };
      return { begun: { type: item.type, id: item.id, summary: [] }, growth };
    }
    case 'function_call': {
      const growth = { name: 'function_call_arguments', key: 'arguments', text: item.arguments };
      return { begun: { ...item, status, arguments: '' }, growth };
    }
    case 'custom_tool_call': {
      const growth = { name: 'custom_tool_call_input', key: 'input', text: item.input };
      return { begun: { ...item, status, input: '' }, growth };
    }
    case 'web_search_call':
      return { begun: { ...item, status } };
    case 'local_shell_call':
    case 'shell_call':
    case 'apply_patch_call':
    case 'tool_search_call':
      return { begun: item };
  }
}

/** What a response says about itself from its beginning to its end. */
function writeConstant(reply: Reply): object {
  const head = { id: `resp_${reply.id}`, object: 'response', created_at: reply.createdAt, model: reply.model };
  return { ...head, access_programs: null, ...(reply.replyContext.echo ?? STANDARD_ECHO) };
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
  const incomplete_details = reason === undefined ? null : { reason };
  return { status: statusOf(completion), ...NOTHING_YET, incomplete_details, output, usage };
}

/** The status of the response and of its last block. */
function statusOf({ finishReason }: Completion): Status {
  return INCOMPLETE_REASONS[finishReason] === undefined ? 'completed' : 'incomplete';
}

/** The item of a block; none for a call that was cut, where its form has no place for one. */
function writeItem(block: Block, index: number, reply: Reply, status: Status): Item[] {
  const idWith = (prefix: string) => `${prefix}_${reply.id}_${index}`;
  switch (block.type) {
    case 'text': {
      const content = [writeText(block.text)];
      return [{ type: 'message', id: idWith('msg'), status, role: 'assistant', content }];
    }
    case 'reasoning':
      return [{ ...writeReasoning(block, idWith('rs')), ...(status === 'incomplete' && { status }) }];
    case 'redacted-reasoning':
      return [writeReasoning(block, idWith('rs'))];
    case 'tool-call': {
      // A name that the request did not offer is a function's.
      const form = reply.replyContext.forms.get(block.name) ?? { type: 'function_call', name: block.name };
      return writeCall(block, form, (type) => idWith(CALL_PREFIXES[type]));
    }
    case 'web-search':
      return [writeSearch(block, idWith('ws'))];
  }
}

function writeText(text: string): Responses.ResponseOutputText {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

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

const EMPTY = { text: '', signature: '', input: '', results: [] } as const;

/** `completed_at` stays null, because dialects know no clock. */
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
  store: true,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
} as const satisfies Partial<Record<keyof Responses.Response, unknown>> & { readonly store: true };
