/** The dialect of OpenAI's Responses API, and its requests: the input is a text, or items of many and ever new types. */

import type { Block, Message, ToolResultPart, UserPart } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { Reader } from '../core/reader.js';
import { readContent, readTexts, textParts, textWithin, unknownPart } from './content.js';
import type { Dialect, KeptAnswers, Notices } from './dialect.js';
import { writeResponsesError } from './errors.js';
import { holdsOnly, joinMessages, readMessage } from './messages.js';
import { createResponsesWriter, readEcho, writeResponse } from './openai-responses-answer.js';
import { callId, readCall, readReasoning, readSearch } from './openai-responses-items.js';
import { latest, requestReader, type ParameterTable } from './parameters.js';
import { readTools } from './tools.js';

const PARAMETERS: ParameterTable = {
  works: 'model input instructions stream tools reasoning prompt_cache_key',
  emulated: 'previous_response_id store max_output_tokens tool_choice parallel_tool_calls text',
  accepted: 'stream_options metadata client_metadata user',
  ignored:
    'reasoning.mode reasoning.context text.verbosity include temperature top_p top_logprobs max_tool_calls truncation service_tier ' +
    'safety_identifier prompt_cache_options prompt_cache_retention context_management moderation image access_programs',
  refused: {
    conversation: { why: 'this gateway keeps no conversations; send the whole one as input.' },
    background: { why: 'this gateway keeps no answers to fetch later; stream it instead.' },
    prompt: { why: 'templates are kept by OpenAI; send the text itself as instructions and input.' },
  },
};

export const openaiResponses: Dialect = {
  name: 'openai-responses',
  route: '/v1/responses',
  parameters: PARAMETERS,
  counting: {
    route: '/v1/responses/input_tokens',
    writeCount: (inputTokens) => ({ object: 'response.input_tokens', input_tokens: inputTokens }),
  },
  keepAlive: ': keep-alive\n\n',
  readRequest: requestReader(PARAMETERS, (body, notices) => {
    const input = body.get('input');
    const previous = body.optional('previous_response_id');
    const { answers } = notices.options;
    const given = input.isString()
      ? [new Reader({ role: 'user', content: input.string() })]
      : readItems(input, answers);
    const items = [...(previous === undefined ? [] : readEarlier(previous, answers)), ...given];
    const messages = items.flatMap((it) => readItem(it, notices));
    const offering = [body, ...items.filter((it) => ['additional_tools', 'tool_search_output'].includes(typeOf(it)))];
    const updates = [body, ...items.filter((it) => typeOf(it) === 'configuration_update')];
    return {
      offered: offering.flatMap((it) => readTools(it, notices)),
      system: readTexts(body.optional('instructions'), notices),
      // An answer of the model is many items here and one message of ours; so are the results of its calls.
      messages: joinMessages(messages, (it) => it.role === 'assistant' || holdsOnly('tool-result', it)),
      effort: latest(updates, 'reasoning', 'effort'),
      format: latest(updates, 'text', 'format'),
      maxTokens: body.optional('max_output_tokens'),
      replyContext: {
        echo: readEcho(body),
        // OpenAI keeps answers unless it is told not to.
        toKeep:
          body.optional('store')?.boolean() === false
            ? undefined
            : { previousId: previous?.string(), input: given.map(({ value }) => value) },
      },
    };
  }),
  writeResponse,
  createStreamWriter: createResponsesWriter,
  writeError: writeResponsesError,
};

/** @throws GatewayError in OpenAI's words: clients that read them repeat with the whole conversation. */
function readEarlier(previous: Reader, answers: KeptAnswers | undefined): readonly Reader[] {
  const found = answers?.conversation(previous.nonEmptyString());
  if (found === undefined) throw notFound('Previous response', 'previous_response_not_found', previous);
  return found.map((it) => new Reader(it));
}

/** The items of the request, each that refers to an earlier one replaced by that. */
function readItems(input: Reader, answers: KeptAnswers | undefined): readonly Reader[] {
  if (!input.isArray()) input.fail('must be a string or a list of items');
  const items = input.array();
  if (items.length === 0) input.fail('must not be empty');
  return items.map((item) => {
    if (typeOf(item) !== 'item_reference') return item;
    const found = answers?.item(item.get('id').string());
    if (found === undefined) throw notFound('Item', 'item_not_found', item);
    return new Reader(found);
  });
}

function notFound(what: string, error_code: string, { path: param }: Reader): GatewayError {
  const message = `${param}: ${what} not found: the gateway keeps the latest only; send the whole conversation, or set \`store: false\`.`;
  return new GatewayError('invalid-request', message, { param, details: { error_code } });
}

function readItem(item: Reader, notices: Notices): Message[] {
  const type = typeOf(item);
  // A search for tools that OpenAI has carried out itself has no id, and nothing that the model would miss.
  if (/^tool_search_(?:call|output)$/.test(type) && !item.has('call_id')) return [];
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
    case 'tool_search_call':
      return assistant([readCall(item, type)]);
    case 'function_call_output':
    case 'custom_tool_call_output':
    case 'local_shell_call_output':
    case 'apply_patch_call_output':
    case 'shell_call_output':
    case 'tool_search_output': {
      const isError = item.optional('status')?.value === 'failed';
      return user([{ type: 'tool-result', id: callId(item), content: readOutput(item, notices), isError }]);
    }
    case 'web_search_call':
      return assistant(readSearch(item));
    case 'additional_tools':
    case 'configuration_update':
      return [];
    default:
      // New types come with every client; what they say in words is kept, such as the summary of a compaction.
      return user(unknownPart(item, notices));
  }
}

/** The short forms of a message and of a reference have no type. */
function typeOf(item: Reader): string {
  const implied = item.has('role') ? 'message' : item.has('id') ? 'item_reference' : undefined;
  return item.optional('type')?.string() ?? implied ?? item.get('type').string();
}

/** What a tool of any kind gave back. */
function readOutput(item: Reader, notices: Notices): ToolResultPart[] {
  switch (typeOf(item)) {
    case 'shell_call_output': // One entry per command.
      if (item.get('output').isString()) break;
      return item.get('output').array().map(describeShellOutput).flatMap(textParts);
    case 'tool_search_output': {
      // The tools themselves are offered with all others; the model only has to learn that they are there.
      const names = item.list('tools').map((it) => it.optional('name')?.string() ?? '');
      const found = `These tools are available now: ${names.join(', ')}`;
      return textParts(names.length === 0 ? 'No tools were found.' : found);
    }
  }
  const output = item.optional('output');
  // A string, a list of parts, or an object of a client's own making.
  if (!output?.isObject()) return readContent(output, notices);
  return textParts(output.has('content') ? textWithin(output) : JSON.stringify(output.value));
}

function describeShellOutput(entry: Reader): string {
  const outcome = entry.optional('outcome');
  const exitCode = outcome?.optional('exit_code')?.number();
  const ending = exitCode === undefined ? outcome?.optional('type')?.string() : `exit code ${exitCode}`;
  const texts = ['stdout', 'stderr'].map((key) => entry.optional(key)?.string() ?? '');
  return [...texts, ending === undefined ? '' : `[${ending}]`].filter((it) => it !== '').join('\n');
}

function assistant(blocks: readonly Block[]): Message[] {
  return blocks.length === 0 ? [] : [{ role: 'assistant', blocks }];
}

function user(parts: readonly UserPart[]): Message[] {
  return parts.length === 0 ? [] : [{ role: 'user', parts }];
}
