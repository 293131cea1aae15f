/**
 * What messages hold in Anthropic's words. The assistant's blocks are read and written side by side: what goes out
 * comes back the same.
 */

import type Anthropic from '@anthropic-ai/sdk';
import type { Block, SearchResult, ToolResult, ToolResultPart, UserPart, WebSearch } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import type { BlockHead } from '../core/stream.js';
import {
  atUrl,
  leftOut,
  readParts,
  readSourceData,
  textParts,
  textWithin,
  toTextDocument,
  unknownPart,
} from './content.js';
import { parseObject, type Notices } from './dialect.js';

/** A block of a user message; OpenAI's clients may write others than Anthropic's where no result stands. */
export function readUserBlock(block: Reader, notices: Notices, readOther = readContentBlock): UserPart[] {
  return block.get('type').value === 'tool_result' ? [readToolResult(block, notices)] : readOther(block, notices);
}

function readToolResult(block: Reader, notices: Notices): ToolResult {
  return {
    type: 'tool-result',
    id: block.get('tool_use_id').nonEmptyString(),
    content: readParts(block.optional('content'), (it) => readContentBlock(it, notices)),
    isError: block.optional('is_error')?.boolean() ?? false,
  };
}

/** A block that may stand in a user message as well as in a tool result. */
export function readContentBlock(block: Reader, notices: Notices): ToolResultPart[] {
  const type = block.get('type').string();
  switch (type) {
    case 'text':
      return textParts(block.get('text').string());
    case 'image':
      return readSource('image', block.get('source'), '', notices);
    case 'document': {
      const name = block.optional('title')?.string() ?? '';
      const context = textParts(block.optional('context')?.string() ?? '');
      return [...context, ...readSource('document', block.get('source'), name, notices)];
    }
    case 'search_result': {
      const heading = `${block.get('title').string()}\n${block.get('source').string()}`;
      return textParts(`${heading}\n${textWithin(block.get('content'))}`.trim());
    }
    case 'container_upload':
      return [leftOut('document', type, block.get('file_id').string(), notices)];
    case 'tool_reference':
      return textParts(`Tool ${block.get('tool_name').nonEmptyString()} is available.`);
    default:
      return unknownPart(block, type, notices);
  }
}

/** Only documents are texts or made of blocks. A URL may be fetched later, but Anthropic's files are out of reach. */
function readSource(what: 'image' | 'document', source: Reader, name: string, notices: Notices): ToolResultPart[] {
  const type = source.get('type').string();
  if (type === 'base64') return [readSourceData(what, source, name, notices)];
  if (what === 'document' && type === 'text') return toTextDocument(name, source.get('data').string());
  if (what === 'document' && type === 'content')
    return readParts(source.get('content'), (it) => readContentBlock(it, notices));
  const url = source.optional('url')?.string();
  if (type === 'url' && url !== undefined) return [atUrl(what, url, name, notices)];
  return [leftOut(what, type, url ?? source.optional('file_id')?.string() ?? type, notices)];
}

// --- the assistant's blocks

/** Anthropic's block types that we write, without the nulls that older clients refuse. */
export type WireBlock =
  | Omit<Anthropic.TextBlock, 'citations'>
  | Anthropic.ThinkingBlock
  | Anthropic.RedactedThinkingBlock
  | Omit<Anthropic.ToolUseBlock, 'caller'>
  | Omit<Anthropic.ServerToolUseBlock, 'caller'>
  | Omit<Anthropic.WebSearchToolResultBlock, 'caller'>;

/** A block of an assistant message in history. */
export function readAssistantBlock(block: Reader, notices: Notices): Block[] {
  const type = block.get('type').string();
  switch (type) {
    case 'text':
      return textParts(block.get('text').string());
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
      const name = block.get('name').nonEmptyString();
      return [{ type: 'tool-call', id, name, input: readInput(block.optional('input')) }];
    }
    case 'compaction': // A summary that Anthropic wrote of what came before.
      return textParts(block.optional('content')?.string() ?? '');
    case 'server_tool_use':
    case 'mcp_tool_use':
      if (type === 'server_tool_use' && block.get('name').value === 'web_search') return [readSearch(block)];
      return textParts(`[${block.get('name').string()} ${JSON.stringify(block.get('input').value ?? {})}]`);
    case 'web_search_tool_result':
      return [readSearchResult(block)];
    default:
      // What a server tool of Anthropic found: Kiro knows no such blocks, but the model should still see it.
      return type.endsWith('_tool_result') ? textParts(textWithin(block)) : unknownPart(block, type, notices);
  }
}

/** A whole block; none for a tool call that was cut, because the form demands its input as an object. */
export function writeBlock(block: Block): WireBlock[] {
  switch (block.type) {
    case 'text':
      return [{ type: 'text', text: block.text }];
    case 'reasoning':
      return [{ type: 'thinking', thinking: block.text, signature: block.signature || NO_SIGNATURE }];
    case 'redacted-reasoning':
      return [{ type: 'redacted_thinking', data: block.data }];
    case 'tool-call': {
      const input = parseObject(block.input)?.object();
      return input === undefined ? [] : [{ type: 'tool_use', id: block.id, name: block.name, input }];
    }
    case 'web-search':
      return [writeSearch(block, { query: block.query }), writeFindings(block)];
  }
}

/** A block as it begins in a stream. */
export function writeHead(block: BlockHead): WireBlock {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: '' };
    case 'reasoning':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'redacted-reasoning':
      return { type: 'redacted_thinking', data: block.data };
    case 'tool-call':
      return { type: 'tool_use', id: block.id, name: block.name, input: {} };
    case 'web-search':
      return writeSearch(block, {});
  }
}

function readInput(input: Reader | undefined): string {
  if (input === undefined) return '{}';
  // Claude Code replays a call that was cut in this form, with the text as it had received it.
  const unparsed = input.optional('__unparsedToolInput')?.optional('raw');
  return unparsed === undefined ? JSON.stringify(input.object()) : unparsed.string();
}

// --- searches: a search and its result are two blocks on the wire and one of ours

export function joinSearches(blocks: readonly Block[]): readonly Block[] {
  const joined: Block[] = [];
  for (const block of blocks) {
    const isResult = block.type === 'web-search' && block.query === '';
    const at = isResult ? joined.findIndex((it) => it.type === 'web-search' && it.id === block.id) : -1;
    const search = joined[at];
    if (isResult && search?.type === 'web-search') joined[at] = { ...block, query: search.query };
    else joined.push(block);
  }
  return joined;
}

function readSearch(block: Reader): Block {
  const query = block.optional('input')?.optional('query');
  const id = readSearchId(block.get('id'));
  return { type: 'web-search', id, query: query?.isString() ? query.string() : '', results: [] };
}

function writeSearch({ id }: { readonly id: string }, input: object): WireBlock {
  return { type: 'server_tool_use', id: SEARCH_ID + id, name: 'web_search', input };
}

function readSearchResult(block: Reader): Block {
  const id = readSearchId(block.get('tool_use_id'));
  const content = block.get('content');
  if (content.isArray()) return { type: 'web-search', id, query: '', results: content.array().map(readResult) };
  const code = content.optional('error_code')?.value;
  const failure = FAILURES.find((it) => it === code) ?? 'unavailable';
  return { type: 'web-search', id, query: '', results: [], failure };
}

function readResult(result: Reader): SearchResult {
  const excerpt = result.optional('encrypted_content')?.value;
  const date = Date.parse(String(result.optional('page_age')?.value));
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
/** Anthropic's own excerpts are sealed; ours are marked. */
const EXCERPT = 'kiro-gateway:';
const SEARCH_ID = 'srvtoolu_';
const FAILURES = ['unavailable', 'max_uses_exceeded', 'invalid_tool_input'] as const;
