/** The messages of a chat request, read into ours. Parts that are not OpenAI's are read as Anthropic's: Cursor mixes both. */

import type { Block, Message, ToolResult, ToolResultPart, UserPart } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { readAssistantBlock } from './anthropic-messages-blocks.js';
import { isToolResult, readContentBlock, readToolResult } from './anthropic-messages-content.js';
import { instructionMessages, messageList, readParts, readTexts, textParts } from './content.js';
import { atUrl, leftOut, readBase64, readDataUrl, toImage, toMedia } from './media.js';
import type { Notices } from './notices.js';
import { toCustomInput } from './openai-chat-tools.js';

/** @throws GatewayError `invalid-request`, naming the field. */
export function readChatMessages(body: Reader, notices: Notices): Message[] {
  let functionCalls = 0;
  const messages = messageList(body).flatMap((it) => {
    if (it.has('function_call')) functionCalls++;
    // The older form of calls has no ids: a call and the result after it share the number of the call.
    return readMessage(it, `function_call_${functionCalls}`, notices);
  });
  return joinToolResults(messages);
}

function readMessage(message: Reader, functionCallId: string, notices: Notices): Message[] {
  const role = message.get('role').oneOf(ROLES);
  switch (role) {
    case 'system':
    case 'developer':
      return instructionMessages(readTexts(message.get('content'), notices));
    case 'user':
      return [{ role, parts: readParts(message.get('content'), (it) => readUserPart(it, notices)) }];
    case 'assistant':
      return [{ role, blocks: readAssistant(message, functionCallId, notices) }];
    case 'tool':
      return [toolResultMessage(message.get('tool_call_id').nonEmptyString(), message, notices)];
    case 'function':
      return [toolResultMessage(functionCallId, message, notices)];
  }
}

function readAssistant(message: Reader, functionCallId: string, notices: Notices): Block[] {
  const reasoning = message.optional('reasoning_content')?.string() ?? '';
  const refusal = message.optional('refusal')?.string() ?? '';
  const functionCall = message.optional('function_call');
  const calls = message.optional('tool_calls')?.array() ?? [];
  return [
    ...(reasoning === '' ? [] : [{ type: 'reasoning' as const, text: reasoning, signature: '' }]),
    ...readParts(message.optional('content'), (it) => readAssistantPart(it, notices)),
    ...textParts(refusal),
    ...calls.map(readToolCall),
    ...(functionCall === undefined ? [] : [readFunction(functionCallId, functionCall)]),
  ];
}

function readAssistantPart(part: Reader, notices: Notices): Block[] {
  return part.get('type').value === 'refusal'
    ? textParts(part.get('refusal').string())
    : readAssistantBlock(part, notices);
}

function readUserPart(part: Reader, notices: Notices): UserPart[] {
  return isToolResult(part) ? [readToolResult(part, notices)] : readPart(part, notices);
}

/** A part that may stand in a user message as well as in a tool message. */
function readPart(part: Reader, notices: Notices): ToolResultPart[] {
  switch (part.get('type').value) {
    case 'image_url':
      return [readImageUrl(part.get('image_url'), notices)];
    case 'file':
      return [readFile(part.get('file'), notices)];
    case 'input_audio':
      return part.fail('Kiro does not listen to audio; send text.');
    case 'refusal':
      return textParts(part.get('refusal').string());
    default:
      return readContentBlock(part, notices);
  }
}

/** The object with a `url` that OpenAI documents, or the bare string that some clients write. */
function readImageUrl(image: Reader, notices: Notices): ToolResultPart {
  const url = image.isString() ? image : image.get('url');
  const data = readDataUrl(url);
  if (data === undefined) return atUrl('image', { url: url.string() }, notices);
  return toImage(data, notices);
}

function readFile(file: Reader, notices: Notices): ToolResultPart {
  const name = file.optional('filename')?.string() ?? '';
  const data = file.optional('file_data');
  if (data === undefined) {
    const detail = file.optional('file_id')?.string() ?? name;
    return leftOut('document', { reason: 'file', detail }, notices);
  }
  return toMedia({ name, ...(readDataUrl(data) ?? { mediaType: '', data: readBase64(data) }) }, notices);
}

function readToolCall(call: Reader): Block {
  const id = call.get('id').nonEmptyString();
  if (!call.has('custom')) return readFunction(id, call.get('function'));
  const custom = call.get('custom');
  const input = toCustomInput(custom.get('input').string());
  return { type: 'tool-call', id, name: custom.get('name').nonEmptyString(), input };
}

function readFunction(id: string, call: Reader): Block {
  const input = call.optional('arguments')?.string() || '{}';
  return { type: 'tool-call', id, name: call.get('name').nonEmptyString(), input };
}

function toolResultMessage(id: string, message: Reader, notices: Notices): Message {
  const content = readParts(message.optional('content'), (it) => readPart(it, notices));
  return { role: 'user', parts: [{ type: 'tool-result', id, content, isError: false }] };
}

/** OpenAI writes one message per tool result; ours holds all results of a turn. */
function joinToolResults(messages: readonly Message[]): Message[] {
  const joined: Message[] = [];
  let row: ToolResult[] = [];
  for (const message of messages) {
    const results = toolResultsOnly(message);
    if (results.length > 0 && row.length > 0) {
      row.push(...results);
    } else {
      row = results;
      joined.push(results.length > 0 ? { role: 'user', parts: row } : message);
    }
  }
  return joined;
}

/** The tool results of a user message that holds nothing else; none of any other message. */
function toolResultsOnly(message: Message): ToolResult[] {
  if (message.role === 'assistant') return [];
  const results = message.parts.filter((it) => it.type === 'tool-result');
  return results.length === message.parts.length ? results : [];
}

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function'] as const;
