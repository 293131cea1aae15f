/**
 * Messages in the words of every vendor, because clients mix them. The assistant's blocks in Anthropic's words are read
 * and written side by side: what goes out comes back the same.
 */

import type Anthropic from '@anthropic-ai/sdk';
import type { Block, Message, SearchResult, ToolCall, WebSearch } from '../core/conversation.js';
import { SEARCH_FAILURES } from '../core/conversation.js';
import { type Reader, textOf } from '../core/reader.js';
import { runsOf } from '../core/runs.js';
import type { BlockHead } from '../core/stream.js';
import {
  readContent,
  readParts,
  readTexts,
  readTextPart,
  readUserParts,
  textParts,
  textWithin,
  unknownPart,
} from './content.js';
import { note, readJson, type Notices, type ReplyContext } from './dialect.js';
import { flatName } from './tools.js';

/** @param functionCallId That of a call in the older form, which has none, and of its result. */
export function readMessage(message: Reader, notices: Notices, functionCallId = 'function_call'): Message[] {
  const role = message.get('role').oneOf(ROLES);
  // A tool's name is known from its call.
  if (message.has('name') && role !== 'tool' && role !== 'function') note(notices, 'ignored', 'messages.name');
  switch (role) {
    case 'system': // May be empty, when it only sets the effort.
    case 'developer': {
      const texts = readTexts(message.optional('content'), notices);
      return texts.length === 0 ? [] : [{ role: 'user', parts: texts.map((text) => ({ type: 'system', text })) }];
    }
    case 'user':
      return [{ role, parts: readUserParts(message.get('content'), notices) }];
    case 'assistant':
      return [{ role, blocks: readAssistant(message, functionCallId, notices) }];
    case 'tool':
    case 'function': {
      const id = role === 'tool' ? message.get('tool_call_id').nonEmptyString() : functionCallId;
      const content = readContent(message.optional('content'), notices);
      return [{ role: 'user', parts: [{ type: 'tool-result', id, content, isError: false }] }];
    }
  }
}

function readAssistant(message: Reader, functionCallId: string, notices: Notices): Block[] {
  const reasoning = message.optional('reasoning_content')?.string() ?? '';
  const functionCall = message.optional('function_call');
  // A spoken answer, which stays at OpenAI.
  if (message.has('audio')) note(notices, 'unknown-block', 'audio');
  return [
    ...(reasoning === '' ? [] : [{ type: 'reasoning' as const, text: reasoning, signature: '' }]),
    ...readBlocks(message.optional('content'), notices),
    ...textParts(message.optional('refusal')?.string() ?? ''),
    ...message.list('tool_calls').map(readToolCall),
    ...(functionCall === undefined ? [] : [readFunctionCall(functionCallId, functionCall)]),
  ];
}

function readToolCall(call: Reader): Block {
  const id = call.get('id').nonEmptyString();
  return call.has('custom') ? readCustomCall(id, call.get('custom')) : readFunctionCall(id, call.get('function'));
}

/** The call of a function, by a name that may lie in a namespace. */
export function readFunctionCall(id: string, call: Reader): Block {
  return { type: 'tool-call', id, name: readName(call), input: call.optional('arguments')?.string() || '{}' };
}

/** The call of a custom tool, whose text is one field of what Kiro is told. */
export function readCustomCall(id: string, call: Reader): Block {
  const input = JSON.stringify({ input: call.get('input').string() });
  return { type: 'tool-call', id, name: readName(call), input };
}

function readName(call: Reader): string {
  return flatName(call.get('name').nonEmptyString(), call.optional('namespace')?.string());
}

/**
 * The text of a call of a custom tool. A model may write it without the field around it; what it wrote besides is told as
 * it wrote.
 * @param written The JSON text that `input` was read from.
 */
export function customText(input: Reader, written: string): string {
  return input.isString() ? input.string() : (input.textIfAny('input') ?? written);
}

/** OpenAI's clients write one message per tool result, and more; neighbours that `joins` allows become one. */
export function joinMessages(messages: readonly Message[], joins: (message: Message) => boolean): Message[] {
  const runs = runsOf(messages, (it, first) => it.role === first.role && joins(first) && joins(it));
  return runs.map((run): Message => {
    const parts = run.flatMap((it) => (it.role === 'user' ? it.parts : []));
    const blocks = run.flatMap((it) => (it.role === 'assistant' ? it.blocks : []));
    return run[0].role === 'user' ? { role: 'user', parts } : { role: 'assistant', blocks };
  });
}

export function holdsOnly(type: 'system' | 'tool-result', message: Message): boolean {
  return message.role === 'user' && message.parts.length > 0 && message.parts.every((it) => it.type === type);
}

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function'] as const;

// --- the assistant's blocks

/** Anthropic's block types that we write; AI SDK's older schemas refuse a text whose citations are null. */
export type WireBlock =
  | Omit<Anthropic.TextBlock, 'citations'>
  | Anthropic.ThinkingBlock
  | Anthropic.RedactedThinkingBlock
  | Anthropic.ToolUseBlock
  | Anthropic.ServerToolUseBlock
  | Anthropic.WebSearchToolResultBlock;

/** What the assistant said, in history. A search and its result are two blocks on the wire and one of ours. */
function readBlocks(content: Reader | undefined, notices: Notices): Block[] {
  const joined = new Map<string | number, Block>();
  for (const block of readParts<Block>(content, (it) => readBlock(it, notices))) {
    const search = block.type === 'web-search' ? joined.get(block.id) : undefined;
    if (block.type !== 'web-search') joined.set(joined.size, block);
    else joined.set(block.id, search?.type === 'web-search' ? { ...block, query: search.query } : block);
  }
  return [...joined.values()];
}

function readBlock(block: Reader, notices: Notices): Block[] {
  const type = block.get('type').string();
  switch (type) {
    case 'thinking': {
      const text = block.get('thinking').string();
      const given = block.optional('signature')?.string() ?? '';
      const signature = given === NO_SIGNATURE ? '' : given;
      return text === '' && signature === '' ? [] : [{ type: 'reasoning', text, signature }];
    }
    case 'redacted_thinking':
      return [{ type: 'redacted-reasoning', data: block.get('data').nonEmptyString() }];
    case 'tool_use': {
      const id = block.get('id').nonEmptyString();
      // The member of a toolset is known by both names.
      const name = flatName(block.get('name').nonEmptyString(), block.textIfAny('toolset_name'));
      return [{ type: 'tool-call', id, name, input: readInput(block.optional('input')) }];
    }
    case 'compaction': // A summary that Anthropic wrote of what came before.
      return textParts(block.optional('content')?.string() ?? '');
    case 'server_tool_use':
    case 'mcp_tool_use':
      if (type === 'server_tool_use' && block.get('name').value === 'web_search') return [readSearch(block)];
      return textParts(`[${block.get('name').string()} ${JSON.stringify(block.get('input').value ?? {})}]`);
    case 'web_search_tool_result':
      return [readFindings(block)];
    default:
      // What a server tool of Anthropic found: Kiro knows no such blocks, but the model should still see it.
      if (type.endsWith('_tool_result')) return textParts(textWithin(block));
      return readTextPart(block) ?? unknownPart(block, notices);
  }
}

function readInput(input: Reader | undefined): string {
  if (input === undefined) return '{}';
  // Claude Code replays a call that was cut in this form, with the text as it had received it.
  const unparsed = input.optional('__unparsedToolInput')?.optional('raw');
  // Any JSON: what a model wrote that is no object has been streamed as it is, and comes back in every later request.
  return unparsed === undefined ? JSON.stringify(input.value) : unparsed.string();
}

/** A whole block; none for a tool call that was cut, because the form demands its input as an object. */
export function writeBlock(block: Block, forms: CallForms): WireBlock[] {
  switch (block.type) {
    case 'text':
      return [{ type: 'text', text: block.text }];
    case 'reasoning':
      return [{ type: 'thinking', thinking: block.text, signature: block.signature || NO_SIGNATURE }];
    case 'redacted-reasoning':
      return [{ type: 'redacted_thinking', data: block.data }];
    case 'tool-call': {
      const input = readJson(block.input);
      return input?.isObject() ? [writeCall(block, input.object(), forms)] : [];
    }
    case 'web-search':
      return [writeSearch(block, { query: block.query }), writeFindings(block)];
  }
}

/** A block as it begins in a stream. */
export function writeHead(block: BlockHead, forms: CallForms): WireBlock {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: '' };
    case 'reasoning':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'redacted-reasoning':
      return { type: 'redacted_thinking', data: block.data };
    case 'tool-call':
      return writeCall(block, {}, forms);
    case 'web-search':
      return writeSearch(block, {});
  }
}

function writeCall({ id, name }: Pick<ToolCall, 'id' | 'name'>, input: object, forms: CallForms): WireBlock {
  const form = forms.get(name);
  const call = { type: 'tool_use', id, name, input, caller: MODEL } as const;
  if (form?.type !== 'function_call' || form.namespace === undefined) return call;
  return { ...call, name: form.name, toolset_name: form.namespace };
}

/** What a call has to look like in the answer, by the name that the model is told. */
type CallForms = ReplyContext['forms'];

// --- searches

function readSearch(block: Reader): WebSearch {
  const query = block.optional('input')?.textIfAny('query') ?? '';
  return { type: 'web-search', id: readSearchId(block.get('id')), query, results: [] };
}

function writeSearch({ id }: { readonly id: string }, input: object): WireBlock {
  return { type: 'server_tool_use', id: SEARCH_ID + id, name: 'web_search', input, caller: MODEL };
}

function readFindings(block: Reader): WebSearch {
  const search = { type: 'web-search', id: readSearchId(block.get('tool_use_id')), query: '' } as const;
  const content = block.get('content');
  if (content.isArray()) return { ...search, results: content.array().map(readResult) };
  const code = content.optional('error_code')?.value;
  return { ...search, results: [], failure: SEARCH_FAILURES.find((it) => it === code) ?? 'unavailable' };
}

function readResult(result: Reader): SearchResult {
  const excerpt = result.optional('encrypted_content')?.value;
  const date = Date.parse(textOf(result.optional('page_age')?.value));
  return {
    title: result.optional('title')?.string() ?? '',
    url: result.optional('url')?.string() ?? '',
    snippet: typeof excerpt === 'string' && excerpt.startsWith(EXCERPT) ? excerpt.slice(EXCERPT.length) : '',
    publishedAt: Number.isNaN(date) ? undefined : date,
  };
}

/** What a search found. The excerpt travels where Anthropic keeps what only its models can read. */
export function writeFindings({ id, results, failure }: WebSearch): WireBlock {
  const content = results.map(({ title, url, snippet, publishedAt }) => ({
    type: 'web_search_result' as const,
    title,
    url,
    encrypted_content: EXCERPT + snippet,
    page_age: publishedAt === undefined ? null : new Date(publishedAt).toISOString().slice(0, 10),
  }));
  return {
    type: 'web_search_tool_result',
    tool_use_id: SEARCH_ID + id,
    content: failure === undefined ? content : { type: 'web_search_tool_result_error', error_code: failure },
    caller: MODEL,
  };
}

function readSearchId(id: Reader): string {
  return id.nonEmptyString().replace(SEARCH_ID, '');
}

/**
 * Stands where Anthropic's form demands a signature and Kiro gave none. It reads back as no signature.
 * AI SDKs refuse a thinking block without the field, and Kiro would refuse an invented one.
 */
export const NO_SIGNATURE = 'kiro-gateway:unsigned';
/** The model itself calls, and no code that runs at Anthropic. */
const MODEL = { type: 'direct' } as const;
/** Anthropic's own excerpts are sealed; ours are marked. */
const EXCERPT = 'kiro-gateway:';
const SEARCH_ID = 'srvtoolu_';
