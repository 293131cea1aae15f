/** What messages, results, reasoning and searches hold in the words of the Responses API. */

import type { Responses } from 'openai/resources/responses/responses';
import type { Block, Text, ToolResult, ToolResultPart, WebSearch } from '../core/conversation.js';
import { Reader } from '../core/reader.js';
import { readContentBlock } from './anthropic-messages-content.js';
import { atUrl, leftOut, readFile, readImageUrl, readParts, textParts, textWithin, unknownPart } from './content.js';
import type { Notices } from './dialect.js';
import { callId } from './openai-responses-tools.js';

/** A part of a user message or of a tool's output. */
export function readPart(part: Reader, notices: Notices): ToolResultPart[] {
  switch (part.get('type').value) {
    case 'input_image':
      return [readImage(part, notices)];
    case 'input_file':
      return [readInputFile(part, notices)];
    default:
      return readTextPart(part) ?? readContentBlock(part, notices);
  }
}

/** A part of an assistant message, or of instructions. */
export function readAssistantPart(part: Reader, notices: Notices): Text[] {
  return readTextPart(part) ?? unknownPart(part, part.get('type').string(), notices);
}

/** Undefined for a part of any other type. */
function readTextPart(part: Reader): Text[] | undefined {
  switch (part.get('type').value) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return textParts(part.get('text').string());
    case 'refusal':
      return textParts(part.get('refusal').string());
    default:
      return undefined;
  }
}

/** The URL as OpenAI documents it, or within an object, as in chat completions. */
function readImage(part: Reader, notices: Notices): ToolResultPart {
  const given = part.optional('image_url');
  if (given === undefined) return leftOut('image', 'file', pointerOf(part), notices);
  return readImageUrl(given.isObject() ? given.get('url') : given, notices);
}

function readInputFile(part: Reader, notices: Notices): ToolResultPart {
  const name = part.optional('filename')?.string() ?? '';
  const data = part.optional('file_data');
  if (data !== undefined) return readFile(data, name, notices);
  const url = part.optional('file_url')?.string();
  if (url) return atUrl('document', url, name, notices);
  return leftOut('document', url === undefined ? 'file' : 'url', pointerOf(part) || name, notices);
}

/** Where the client says that something lies. */
function pointerOf(part: Reader): string {
  return (part.optional('file_url') ?? part.optional('file_id'))?.string() ?? '';
}

// --- results

/** What a tool of any kind gave back; `shell` gives one entry per command. */
export function readToolResult(item: Reader, notices: Notices): ToolResult {
  if (item.optional('type')?.value === 'shell_call_output') {
    const content = item.get('output').array().map(describeShellOutput).flatMap(textParts);
    return { type: 'tool-result', id: callId(item), content, isError: false };
  }
  const id = callId(item);
  const output = item.optional('output');
  // A string, a list of parts, or an object of a client's own making.
  const content = output?.isObject()
    ? textParts(textWithin(output) || JSON.stringify(output.value))
    : readParts(output, (it) => readPart(it, notices));
  return { type: 'tool-result', id, content, isError: item.optional('status')?.value === 'failed' };
}

function describeShellOutput(entry: Reader): string {
  const outcome = entry.optional('outcome');
  const exitCode = outcome?.optional('exit_code')?.number();
  const ending = exitCode === undefined ? outcome?.optional('type')?.string() : `exit code ${exitCode}`;
  const texts = ['stdout', 'stderr'].map((key) => entry.optional(key)?.string() ?? '');
  return [...texts, ending === undefined ? '' : `[${ending}]`].filter((it) => it !== '').join('\n');
}

// --- reasoning: `encrypted_content` is where Kiro's signature travels to the client and back

type Reasoning = Extract<Block, { type: 'reasoning' | 'redacted-reasoning' }>;

/** Signed or redacted reasoning as it was; of anything else the words, for reading only. */
export function readReasoning(item: Reader): Block[] {
  const envelope = item.optional('encrypted_content');
  const sealed = envelope?.isString() ? openEnvelope(envelope.string()) : undefined;
  if (sealed !== undefined) return [sealed];
  const text = ['summary', 'content'].flatMap((key) => item.optional(key) ?? []).map(textWithin);
  const words = text.filter((it) => it !== '').join('\n');
  return words === '' ? [] : [{ type: 'reasoning', text: words, signature: '' }];
}

export function writeReasoning(block: Reasoning, id: string): Responses.ResponseReasoningItem {
  const summary = block.type === 'reasoning' && block.text !== '' ? [writeSummary(block.text)] : [];
  const isSealed = block.type === 'redacted-reasoning' || block.signature !== '';
  const seal = () => ENVELOPE + Buffer.from(JSON.stringify(block)).toString('base64url');
  return { type: 'reasoning', id, summary, ...(isSealed && { encrypted_content: seal() }) };
}

export function writeSummary(text: string): Responses.ResponseReasoningItem.Summary {
  return { type: 'summary_text', text };
}

/** What OpenAI or another gateway has sealed says nothing here. */
function openEnvelope(text: string): Reasoning | undefined {
  if (!text.startsWith(ENVELOPE)) return undefined;
  try {
    const sealed = new Reader(JSON.parse(Buffer.from(text.slice(ENVELOPE.length), 'base64url').toString()));
    if (sealed.has('data')) return { type: 'redacted-reasoning', data: sealed.get('data').nonEmptyString() };
    return { type: 'reasoning', text: sealed.get('text').string(), signature: sealed.get('signature').string() };
  } catch {
    // Whoever changed it has made it foreign.
    return undefined;
  }
}

// --- searches of the web

/** A search as the gateway has written it; what OpenAI did besides searching is told in words. */
export function readSearch(item: Reader): Block[] {
  const action = item.optional('action');
  const query = action?.optional('query');
  if (!query?.isString()) return textParts(`[web_search ${JSON.stringify(action?.value ?? {})}]`);
  const sources = action?.optional('sources')?.array() ?? [];
  const urls = sources.map((it) => it.optional('url')?.string() ?? '');
  const results = urls.map((url) => ({ title: url, url, snippet: '', publishedAt: undefined }));
  return [{ type: 'web-search', id: item.optional('id')?.string() ?? 'search', query: query.string(), results }];
}

export function writeSearch({ query, results, failure }: WebSearch, id: string): Responses.ResponseFunctionWebSearch {
  const sources = results.map(({ url }) => ({ type: 'url' as const, url }));
  const status = failure === undefined ? 'completed' : 'failed';
  return { type: 'web_search_call', id, status, action: { ...searchAction(query), sources } };
}

export function searchAction(query: string): Responses.ResponseFunctionWebSearch.Search {
  return { type: 'search', query, queries: [query] };
}

/** Names the maker and the version of what follows. */
const ENVELOPE = 'kiro-gateway.1.';
