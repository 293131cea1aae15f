/** The input of a Responses request: a text, or items of many types of which some will always be unknown. */

import type { Block, Message, UserPart } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import type { Reader } from '../core/reader.js';
import { instructionMessages, readParts, textParts, textWithin } from './content.js';
import { note, type Notices } from './notices.js';
import { readCall } from './openai-responses-calls.js';
import {
  readAssistantPart,
  readInstructions,
  readPart,
  readShellResult,
  readToolResult,
} from './openai-responses-content.js';
import { readReasoning } from './openai-responses-reasoning.js';
import { readTools, type OfferedTool } from './openai-responses-tools.js';

/** What the items of an input come to. Items may offer tools, too. */
export type Input = { readonly messages: readonly Message[]; readonly tools: readonly OfferedTool[] };

/** @throws GatewayError `invalid-request`, naming the field. */
export function readInput(input: Reader, notices: Notices): Input {
  if (input.isString()) return { messages: [{ role: 'user', parts: textParts(input.string()) }], tools: [] };
  if (!input.isArray()) input.fail('must be a string or a list of items');
  const items = input.array();
  if (items.length === 0) input.fail('must not be empty');
  return {
    messages: joinRuns(items.flatMap((it) => readItem(it, notices))),
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
      return user([readToolResult(item, notices)]);
    case 'shell_call_output':
      return user([readShellResult(item)]);
    case 'tool_search_call':
      // One that OpenAI has carried out itself has no id, and nothing that the model would miss.
      return item.has('call_id') ? assistant([readCall(item, type)]) : [];
    case 'tool_search_output':
      return item.has('call_id') ? user([toSearchResult(item)]) : [];
    case 'web_search_call':
      return assistant(textParts(`[web_search ${JSON.stringify(item.optional('action')?.value ?? {})}]`));
    case 'additional_tools':
      return [];
    case 'item_reference':
      return refuseReference(item);
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

/** The tools themselves are offered with all others; the model only has to learn that they are there. */
function toSearchResult(item: Reader): UserPart {
  const names =
    item
      .optional('tools')
      ?.array()
      .map((it) => it.optional('name')?.string() ?? '') ?? [];
  const text = names.length === 0 ? 'No tools were found.' : `These tools are available now: ${names.join(', ')}`;
  return { type: 'tool-result', id: item.get('call_id').nonEmptyString(), content: textParts(text), isError: false };
}

function refuseReference(item: Reader): never {
  const message = `${item.path}: this gateway keeps no items; send the item itself instead of a reference to it.`;
  throw new GatewayError('invalid-request', message, {
    param: item.path,
    details: { error_code: 'item_reference_unsupported' },
  });
}

function assistant(blocks: readonly Block[]): Message[] {
  return blocks.length === 0 ? [] : [{ role: 'assistant', blocks }];
}

function user(parts: readonly UserPart[]): Message[] {
  return parts.length === 0 ? [] : [{ role: 'user', parts }];
}

/** An answer of the model is many items here and one message of ours; so are the results of its calls. */
function joinRuns(messages: readonly Message[]): Message[] {
  const joined: Message[] = [];
  let blocks: Block[] | undefined;
  let results: UserPart[] | undefined;
  for (const message of messages) {
    if (message.role === 'assistant') {
      results = undefined;
      if (blocks === undefined) joined.push({ role: 'assistant', blocks: (blocks = []) });
      blocks.push(...message.blocks);
    } else {
      blocks = undefined;
      const isResult = message.parts.length > 0 && message.parts.every((it) => it.type === 'tool-result');
      if (!isResult) results = undefined;
      else if (results === undefined) joined.push({ role: 'user', parts: (results = []) });
      if (results === undefined) joined.push(message);
      else results.push(...message.parts);
    }
  }
  return joined;
}

const TOOL_ITEMS: ReadonlySet<string> = new Set(['additional_tools', 'tool_search_output']);
