/** The dialect of OpenAI's Chat Completions API: its requests, and a turn whole or in chunks. */

import type OpenAI from 'openai';
import type { Block, Message, ToolCall } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import type { BlockHead, Completion, FinishReason, GrowingBlock, StreamEvent } from '../core/stream.js';
import { readTexts } from './content.js';
import { creditField, readJson, writeData, type Dialect, type Notices, type Reply } from './dialect.js';
import { writeErrorBody, writeOpenAIError } from './errors.js';
import { customText, holdsOnly, joinMessages, readMessage } from './messages.js';
import { openaiResponses } from './openai-responses.js';
import { messageList, requestReader, type ParameterTable } from './parameters.js';
import { knowsOneCall, readTools } from './tools.js';

const PARAMETERS: ParameterTable = {
  works:
    'model messages system stream stream_options tools functions reasoning_effort reasoning thinking prompt_cache_key',
  emulated: 'max_tokens max_completion_tokens stop tool_choice function_call parallel_tool_calls response_format',
  accepted: 'user metadata',
  ignored:
    'thinking.display temperature top_p presence_penalty frequency_penalty seed logit_bias store service_tier verbosity ' +
    'safety_identifier prompt_cache_options prompt_cache_retention prediction moderation web_search_options ' +
    'search_parameters',
  refused: {
    n: { why: 'Kiro gives one answer at a time; leave it out or set it to 1.' },
    logprobs: { why: 'Kiro gives no probabilities; leave it out.' },
    top_logprobs: { why: 'Kiro gives no probabilities; leave it out.' },
    modalities: { why: 'Kiro speaks text only; leave out "audio".' },
    audio: { why: 'Kiro speaks text only; leave it out.' },
  },
};

export const openaiChat: Dialect = {
  name: 'openai-chat',
  route: '/v1/chat/completions',
  parameters: PARAMETERS,
  keepAlive: ': keep-alive\n\n',
  readRequest: (body, headers, options) => {
    const includeUsage = body.optional('stream_options')?.optional('include_usage')?.boolean() ?? false;
    // Cursor sends whole bodies of the Responses API here, and reads the answer as chat.
    const isResponses = body.has('input') && !body.has('messages');
    const readBody = isResponses ? openaiResponses.readRequest : readRequest;
    const { replyContext, ...request } = readBody(body, headers, options);
    // A chat answer has no items that a later request could refer to: nothing of it is kept.
    return { ...request, includeUsage, replyContext: { forms: replyContext.forms, knowsOneCall: knowsOneCall(body) } };
  },
  writeResponse: writeChatCompletion,
  createStreamWriter: createChatWriter,
  writeError: writeOpenAIError,
};

// --- requests

const readRequest = requestReader(PARAMETERS, (body, notices) => {
  const stops = body.optional('stop');
  if (stops?.isArray() && stops.array().length > MAX_STOPS) stops.fail(`must hold at most ${MAX_STOPS} texts`);
  return {
    offered: readTools(body, notices),
    // Anthropic's, from clients that mix the two.
    system: readTexts(body.optional('system'), notices),
    messages: readMessages(body, notices),
    effort: body.optional('reasoning_effort') ?? body.optional('reasoning')?.optional('effort'),
    // Not OpenAI's, but clients send it in Anthropic's form.
    thinking: body.optional('thinking')?.has('type') === true ? body.get('thinking') : undefined,
    format: body.optional('response_format'),
    maxTokens: body.optional('max_completion_tokens') ?? body.optional('max_tokens'),
    stops,
  };
});

function readMessages(body: Reader, notices: Notices): Message[] {
  let functionCalls = 0;
  const messages = messageList(body).flatMap((it) => {
    if (it.has('function_call')) functionCalls++;
    // The older form of calls has no ids: a call and the result after it share the number of the call.
    return readMessage(it, notices, `function_call_${functionCalls}`);
  });
  return joinMessages(messages, (it) => holdsOnly('tool-result', it));
}

const MAX_STOPS = 4;

// --- answers

/** The answer of a request that is not streamed. */
function writeChatCompletion(completion: Completion, reply: Reply): OpenAI.ChatCompletion {
  const finish_reason = finishReasonOf(completion, reply);
  return {
    id: `chatcmpl-${reply.id}`,
    object: 'chat.completion',
    created: reply.createdAt,
    model: reply.model,
    choices: [{ index: 0, message: writeMessage(completion.blocks, reply), logprobs: null, finish_reason }],
    usage: writeUsage(completion),
  };
}

/** Chunks have no block edges: what has to be remembered is the number of the tool call and whether it has grown. */
function createChatWriter(reply: Reply): (event: StreamEvent) => string {
  // The part that is the same in every chunk of a turn, made once.
  const { id, createdAt: created, model } = reply;
  const constant = { id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created, model };
  const head = `data: ${writeData(constant).slice(0, -1)},`;
  const deltaHead = `${head}"choices":[{"index":0,"delta":`;
  let toolCalls = 0;
  const paragraphs = createParagraphs();
  let hasGrown = false;
  /** The call of a custom tool is told whole: what grows is JSON, and the client wants the text in it. */
  let isWhole = false;

  const writeDelta = (delta: string, finishReason: string | null = null) =>
    `${deltaHead}${delta},"logprobs":null,"finish_reason":${JSON.stringify(finishReason)}}]}\n\n`;

  const writeCallDelta = (head: string, told: string) => {
    if (reply.replyContext.knowsOneCall !== true)
      return writeDelta(`{"tool_calls":[{"index":${toolCalls - 1},${head}"function":${told}}]}`);
    return toolCalls === 1 ? writeDelta(`{"function_call":${told}}`) : '';
  };

  const writeGrowth = (block: GrowingBlock, text: string) => {
    switch (block) {
      case 'text':
        return writeDelta(`{"content":${writeData(paragraphs.say(text))}}`);
      case 'reasoning':
        return writeDelta(`{"reasoning_content":${writeData(text)}}`);
      case 'tool-call':
        if (isWhole) return '';
        hasGrown ||= text !== '';
        return writeCallDelta('', `{"arguments":${writeData(text)}}`);
    }
  };

  const writeBlockStart = (block: BlockHead) => {
    if (block.type === 'web-search') paragraphs.pause();
    if (block.type !== 'tool-call') return '';
    isWhole = isCustom(block.name, reply);
    if (isWhole) return '';
    toolCalls++;
    hasGrown = false;
    return writeCallDelta(
      `"id":${writeData(block.id)},"type":"function",`,
      writeData({ name: block.name, arguments: '' }),
    );
  };

  const writeBlockEnd = (block: Block) => {
    if (block.type !== 'tool-call') return '';
    if (isWhole) {
      const calls = writeCall(block, reply).map((it) => ({ index: toolCalls++, ...it }));
      return calls.length === 0 ? '' : writeDelta(writeData({ tool_calls: calls }));
    }
    // A call without input has no deltas, yet its arguments have to be the text of an object.
    return hasGrown ? '' : writeGrowth('tool-call', block.input);
  };

  const writeFinish = (completion: Completion) => {
    const end = writeDelta('{}', finishReasonOf(completion, reply));
    const usage = `${head}"choices":[],"usage":${JSON.stringify(writeUsage(completion))}}\n\n`;
    return `${end}${reply.includeUsage ? usage : ''}data: [DONE]\n\n`;
  };

  return (event) => {
    switch (event.type) {
      case 'start':
        return writeDelta('{"role":"assistant","content":""}');
      case 'block-start':
        return writeBlockStart(event.block);
      case 'block-delta':
        return writeGrowth(event.block, event.delta);
      case 'block-end':
        return writeBlockEnd(event.block);
      case 'finish':
        return writeFinish(event.completion);
      case 'error':
        return `data: ${writeData(writeErrorBody(event.error))}\n\n`;
    }
  };
}

/** What is said before a search, which shows nowhere else here, and after it are paragraphs of one text. */
function createParagraphs() {
  let hasBegun = false;
  let gap = '';
  return {
    pause: () => void (gap = hasBegun ? '\n\n' : ''),
    say(text: string): string {
      const said = gap + text;
      hasBegun = true;
      gap = '';
      return said;
    },
  };
}

/** `reasoning_content` is no field of OpenAI's, but the one that its clients agree on. */
type WireMessage = OpenAI.ChatCompletionMessage & { readonly reasoning_content?: string };

function writeMessage(blocks: readonly Block[], reply: Reply): WireMessage {
  const paragraphs = createParagraphs();
  const texts = blocks.flatMap((it) => {
    if (it.type === 'web-search') paragraphs.pause();
    return it.type === 'text' ? [paragraphs.say(it.text)] : [];
  });
  const reasoning = blocks.flatMap((it) => (it.type === 'reasoning' ? [it.text] : []));
  const calls = blocks.flatMap((it) => (it.type === 'tool-call' ? writeCall(it, reply) : []));
  const [first] = calls;
  const only = reply.replyContext.knowsOneCall === true && first?.type === 'function' ? first.function : undefined;
  return {
    role: 'assistant',
    // Programs look into the text of every answer that is not a call.
    content: texts.length === 0 && calls.length > 0 ? null : texts.join(''),
    refusal: null,
    ...(reasoning.length > 0 && { reasoning_content: reasoning.join('') }),
    ...(only === undefined ? calls.length > 0 && { tool_calls: calls } : { function_call: only }),
  };
}

function writeCall({ id, name, input }: ToolCall, reply: Reply): OpenAI.ChatCompletionMessageToolCall[] {
  if (!isCustom(name, reply)) return [{ id, type: 'function', function: { name, arguments: input } }];
  const object = readJson(input);
  // Cut: clients run half a text as readily as a whole one.
  if (object === undefined) return [];
  return [{ id, type: 'custom', custom: { name, input: customText(object, input) } }];
}

function isCustom(name: string, reply: Reply): boolean {
  return reply.replyContext.forms.get(name)?.type === 'custom_tool_call';
}

function writeUsage(completion: Completion): OpenAI.CompletionUsage {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = completion.usage;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cacheReadTokens, cache_write_tokens: cacheWriteTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
    ...creditField(completion),
  };
}

function finishReasonOf({ finishReason }: Completion, { replyContext }: Reply) {
  const isOlder = finishReason === 'tool-calls' && replyContext.knowsOneCall === true;
  return isOlder ? 'function_call' : FINISH_REASONS[finishReason];
}

const FINISH_REASONS = {
  stop: 'stop',
  length: 'length',
  'context-full': 'length',
  'tool-calls': 'tool_calls',
  'stop-sequence': 'stop',
  'content-filter': 'content_filter',
} as const satisfies Record<FinishReason, OpenAI.ChatCompletion.Choice['finish_reason']>;
