/** The dialect of OpenAI's Responses API, and its requests: the input is a text, or items of many and ever new types. */

import type { AnswerFormat, Block, Message, UserPart } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import type { Reader } from '../core/reader.js';
import { holdsOnly, instructionMessages, joinMessages, readParts, textParts, textWithin } from './content.js';
import { note, type Dialect, type Notices } from './dialect.js';
import { writeResponsesError } from './errors.js';
import { createResponsesWriter, readEcho, writeResponse, type ReplyContext } from './openai-responses-answer.js';
import { readAssistantPart, readPart, readReasoning, readSearch, readToolResult } from './openai-responses-content.js';
import { formsOf, readCall, readTools, type OfferedTool } from './openai-responses-tools.js';
import { readFormat, readLimits, readToolChoice, readWish, requestReader, RESPONSES_PARAMETERS } from './parameters.js';

export const openaiResponses: Dialect = {
  name: 'openai-responses',
  route: '/v1/responses',
  keepAlive: ': keep-alive\n\n',
  readRequest: requestReader(RESPONSES_PARAMETERS, (body, notices, session) => {
    const input = readInput(body.get('input'), notices);
    const offered = [...readTools(body.optional('tools'), notices), ...input.tools];
    const tools = offered.map(({ tool }) => tool);
    return {
      system: readInstructions(body.optional('instructions'), notices),
      messages: input.messages,
      ...readToolChoice(body.optional('tool_choice'), tools, notices),
      parallelToolCalls: body.optional('parallel_tool_calls')?.boolean() === false ? false : undefined,
      reasoning: readWish(body.optional('reasoning')?.optional('effort'), notices),
      limits: readLimits(body.optional('max_output_tokens'), []),
      answerFormat: readText(body.optional('text'), notices),
      sessionId: session ?? (body.optional('prompt_cache_key')?.string() || undefined),
      replyContext: { forms: formsOf(offered), echo: readEcho(body) } satisfies ReplyContext,
    };
  }),
  writeResponse,
  createStreamWriter: createResponsesWriter,
  writeError: writeResponsesError,
};

function readText(text: Reader | undefined, notices: Notices): AnswerFormat | undefined {
  const verbosity = text?.optional('verbosity');
  if (verbosity !== undefined && verbosity.string() !== 'medium') note(notices, 'ignored', verbosity.path);
  return readFormat(text?.optional('format'), (format) => format, notices);
}

/** What the items come to; some offer tools. */
function readInput(input: Reader, notices: Notices): { messages: Message[]; tools: OfferedTool[] } {
  if (input.isString()) return { messages: [{ role: 'user', parts: textParts(input.string()) }], tools: [] };
  if (!input.isArray()) input.fail('must be a string or a list of items');
  const items = input.array();
  if (items.length === 0) input.fail('must not be empty');
  const messages = items.flatMap((it) => readItem(it, notices));
  return {
    // An answer of the model is many items here and one message of ours; so are the results of its calls.
    messages: joinMessages(messages, (it) => it.role === 'assistant' || holdsOnly('tool-result', it)),
    tools: items.flatMap((it) => (TOOL_ITEMS.has(typeOf(it)) ? readTools(it.optional('tools'), notices) : [])),
  };
}

function readItem(item: Reader, notices: Notices): Message[] {
  const type = typeOf(item);
  switch (type) {
    case 'message':
      return readMessage(item, notices);
    case 'reasoning':
      return assistant(readReasoning(item));
    case 'function_call':
    case 'custom_tool_call':
    case 'local_shell_call':
    case 'shell_call':
    case 'apply_patch_call':
      return assistant([readCall(item, type)]);
    case 'function_call_output':
    case 'custom_tool_call_output':
    case 'local_shell_call_output':
    case 'apply_patch_call_output':
    case 'shell_call_output':
      return user([readToolResult(item, notices)]);
    case 'tool_search_call':
      // One that OpenAI has carried out itself has no id, and nothing that the model would miss.
      return item.has('call_id') ? assistant([readCall(item, type)]) : [];
    case 'tool_search_output':
      return item.has('call_id') ? user([toSearchResult(item)]) : [];
    case 'web_search_call':
      return assistant(readSearch(item));
    case 'additional_tools':
      return [];
    case 'item_reference': {
      const message = `${item.path}: this gateway keeps no items; send the item itself instead of a reference to it.`;
      const details = { error_code: 'item_reference_unsupported' };
      throw new GatewayError('invalid-request', message, { param: item.path, details });
    }
    default:
      // New types come with every client; what they say in words is kept, such as the summary of a compaction.
      note(notices, 'unknown-block', type);
      return user(textParts(textWithin(item)));
  }
}

/** The short form of a message has no type. */
function typeOf(item: Reader): string {
  return item.optional('type')?.string() ?? (item.has('role') ? 'message' : item.get('type').string());
}

function readMessage(item: Reader, notices: Notices): Message[] {
  const role = item.get('role').string();
  const content = item.optional('content');
  switch (role) {
    case 'user':
      return [{ role, parts: readParts(content, (it) => readPart(it, notices)) }];
    case 'assistant':
      return [{ role, blocks: readParts(content, (it) => readAssistantPart(it, notices)) }];
    case 'system':
    case 'developer':
      return instructionMessages(readInstructions(content, notices));
    default:
      return item.get('role').fail('must be one of user, assistant, system, developer');
  }
}

/** Instructions can only be text. */
function readInstructions(content: Reader | undefined, notices: Notices): string[] {
  return readParts(content, (it) => readAssistantPart(it, notices)).map((it) => it.text);
}

/** The tools themselves are offered with all others; the model only has to learn that they are there. */
function toSearchResult(item: Reader): UserPart {
  const tools = item.optional('tools')?.array() ?? [];
  const names = tools.map((it) => it.optional('name')?.string() ?? '').join(', ');
  const text = tools.length === 0 ? 'No tools were found.' : `These tools are available now: ${names}`;
  return { type: 'tool-result', id: item.get('call_id').nonEmptyString(), content: textParts(text), isError: false };
}

function assistant(blocks: readonly Block[]): Message[] {
  return blocks.length === 0 ? [] : [{ role: 'assistant', blocks }];
}

function user(parts: readonly UserPart[]): Message[] {
  return parts.length === 0 ? [] : [{ role: 'user', parts }];
}

const TOOL_ITEMS: ReadonlySet<string> = new Set(['additional_tools', 'tool_search_output']);
