/** The dialect of OpenAI's Chat Completions API, and its requests. */

import type { Block, Message, Tool, ToolResultPart } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import { readAssistantBlock, readContentBlock, readUserBlock } from './anthropic-messages-content.js';
import {
  holdsOnly,
  instructionMessages,
  joinMessages,
  leftOut,
  messageList,
  readFile,
  readImageUrl,
  readParts,
  readTexts,
  textParts,
} from './content.js';
import { note, type Dialect, type Notices } from './dialect.js';
import { writeOpenAIError } from './errors.js';
import { createChatWriter, writeChatCompletion } from './openai-chat-answer.js';
import { customTool, functionTool, toCustomInput } from './openai-responses-tools.js';
import { openaiResponses } from './openai-responses.js';
import { CHAT_PARAMETERS, readFormat, readLimits, readToolChoice, readWish, requestReader } from './parameters.js';

export const openaiChat: Dialect = {
  name: 'openai-chat',
  route: '/v1/chat/completions',
  keepAlive: ': keep-alive\n\n',
  readRequest: (body, headers, options) => {
    const includeUsage = body.optional('stream_options')?.optional('include_usage')?.boolean() ?? false;
    // Cursor sends whole bodies of the Responses API here, and reads the answer as chat.
    if (body.has('input') && !body.has('messages'))
      return { ...openaiResponses.readRequest(body, headers, options), includeUsage };
    return { ...readRequest(body, headers, options), includeUsage };
  },
  writeResponse: writeChatCompletion,
  createStreamWriter: createChatWriter,
  writeError: writeOpenAIError,
};

const readRequest = requestReader(CHAT_PARAMETERS, (body, notices, session) => {
  const messages = readMessages(body, notices);
  const tools = readTools(body, notices);
  return {
    system: [],
    messages,
    ...readToolChoice(body.optional('tool_choice') ?? body.optional('function_call'), tools, notices),
    parallelToolCalls: body.optional('parallel_tool_calls')?.boolean() === false ? false : undefined,
    reasoning: readWish(body.optional('reasoning_effort'), notices),
    limits: readLimits(body.optional('max_completion_tokens') ?? body.optional('max_tokens'), readStops(body)),
    answerFormat: readFormat(body.optional('response_format'), (format) => format.get('json_schema'), notices),
    sessionId: session ?? (body.optional('prompt_cache_key')?.string() || undefined),
  };
});

function readStops(body: Reader): readonly string[] {
  const stop = body.optional('stop');
  if (stop === undefined) return [];
  if (stop.isString()) return [stop.string()];
  const stops = stop.array().map((it) => it.string());
  return stops.length > MAX_STOPS ? stop.fail(`must hold at most ${MAX_STOPS} texts`) : stops;
}

// --- messages; parts that are not OpenAI's are read as Anthropic's, because Cursor mixes both

function readMessages(body: Reader, notices: Notices): Message[] {
  let functionCalls = 0;
  const messages = messageList(body).flatMap((it) => {
    if (it.has('function_call')) functionCalls++;
    // The older form of calls has no ids: a call and the result after it share the number of the call.
    return readMessage(it, `function_call_${functionCalls}`, notices);
  });
  return joinMessages(messages, (it) => holdsOnly('tool-result', it));
}

function readMessage(message: Reader, functionCallId: string, notices: Notices): Message[] {
  const role = message.get('role').oneOf(ROLES);
  switch (role) {
    case 'system':
    case 'developer':
      return instructionMessages(readTexts(message.get('content'), notices));
    case 'user':
      return [{ role, parts: readParts(message.get('content'), (it) => readUserBlock(it, notices, readPart)) }];
    case 'assistant':
      return [{ role, blocks: readAssistant(message, functionCallId, notices) }];
    case 'tool':
    case 'function': {
      const id = role === 'tool' ? message.get('tool_call_id').nonEmptyString() : functionCallId;
      const content = readParts(message.optional('content'), (it) => readPart(it, notices));
      return [{ role: 'user', parts: [{ type: 'tool-result', id, content, isError: false }] }];
    }
  }
}

function readAssistant(message: Reader, functionCallId: string, notices: Notices): Block[] {
  const reasoning = message.optional('reasoning_content')?.string() ?? '';
  const refusal = message.optional('refusal')?.string() ?? '';
  const functionCall = message.optional('function_call');
  const calls = message.optional('tool_calls')?.array() ?? [];
  return [
    ...(reasoning === '' ? [] : [{ type: 'reasoning' as const, text: reasoning, signature: '' }]),
    ...readParts<Block>(message.optional('content'), (it) => readRefusal(it) ?? readAssistantBlock(it, notices)),
    ...textParts(refusal),
    ...calls.map(readToolCall),
    ...(functionCall === undefined ? [] : [readFunctionCall(functionCallId, functionCall)]),
  ];
}

/** A part that may stand in a user message as well as in a tool message. */
function readPart(part: Reader, notices: Notices): ToolResultPart[] {
  switch (part.get('type').value) {
    case 'image_url': {
      // The object with a `url` that OpenAI documents, or the bare string that some clients write.
      const image = part.get('image_url');
      return [readImageUrl(image.isString() ? image : image.get('url'), notices)];
    }
    case 'file': {
      const file = part.get('file');
      const name = file.optional('filename')?.string() ?? '';
      const data = file.optional('file_data');
      if (data !== undefined) return [readFile(data, name, notices)];
      return [leftOut('document', 'file', file.optional('file_id')?.string() ?? name, notices)];
    }
    case 'input_audio':
      return part.fail('Kiro does not listen to audio; send text.');
    default:
      return readRefusal(part) ?? readContentBlock(part, notices);
  }
}

function readRefusal(part: Reader) {
  return part.get('type').value === 'refusal' ? textParts(part.get('refusal').string()) : undefined;
}

function readToolCall(call: Reader): Block {
  const id = call.get('id').nonEmptyString();
  if (!call.has('custom')) return readFunctionCall(id, call.get('function'));
  const custom = call.get('custom');
  const input = toCustomInput(custom.get('input').string());
  return { type: 'tool-call', id, name: custom.get('name').nonEmptyString(), input };
}

function readFunctionCall(id: string, call: Reader): Block {
  const input = call.optional('arguments')?.string() || '{}';
  return { type: 'tool-call', id, name: call.get('name').nonEmptyString(), input };
}

// --- tools, in all the forms that clients write them

/** The tools of `tools` and of the older `functions`. */
function readTools(body: Reader, notices: Notices): Tool[] {
  const tools = body.optional('tools')?.array() ?? [];
  const functions = body.optional('functions')?.array() ?? [];
  return [...tools.flatMap((it) => readTool(it, notices)), ...functions.map(readFunction)];
}

function readTool(tool: Reader, notices: Notices): Tool[] {
  const type = tool.optional('type')?.string() ?? 'function';
  if (type === 'custom' && tool.has('custom')) {
    const custom = tool.get('custom');
    const description = customTool(custom, custom.optional('format')?.optional('grammar'));
    return [{ name: custom.get('name').nonEmptyString(), ...description }];
  }
  // Cursor and others write tools flat: without `function` around them, or in Anthropic's form.
  const isFlat = tool.has('name') && !tool.has('function');
  if (type === 'function' || type === 'custom') return [readFunction(isFlat ? tool : tool.get('function'))];
  note(notices, 'tools-left-out', type);
  return [];
}

function readFunction(tool: Reader): Tool {
  const schema = tool.optional('parameters') ?? tool.optional('input_schema');
  return { name: tool.get('name').nonEmptyString(), ...functionTool(tool, schema) };
}

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function'] as const;
const MAX_STOPS = 4;
