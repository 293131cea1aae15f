/** Each of Kiro's events, as it reads; and each way in which Kiro says that it failed. */

import { expect, test } from '@jest/globals';
import { readEvents } from '../../src/kiro/events.js';
import { encodeFrame, encodeSceneLine, type SceneLine } from '../../src/simulator/frames.js';
import { framesOf, told } from '../support/bytes.js';

function reads(title: string, line: SceneLine, expected: unknown): void {
  test(title, () => expect(eventsOf(encodeSceneLine(line))).toEqual(expected));
}

/** A frame whose payload is this text, JSON or not. */
function readsText(title: string, headers: Readonly<Record<string, string>>, payload: string, expected: unknown): void {
  test(title, () => expect(eventsOf(encodeFrame({ headers, payload: Buffer.from(payload) }))).toEqual(expected));
}

function eventsOf(bytes: Uint8Array): unknown {
  try {
    return framesOf([bytes]).frames.flatMap(readEvents);
  } catch (thrown) {
    return told(thrown);
  }
}

const event = (name: string, payload: object): SceneLine => ({ event: name, payload });
const tool = (payload: object): SceneLine => event('toolUseEvent', { toolUseId: 't1', name: 'f', ...payload });
const toolUse = { type: 'tool-use', id: 't1', name: 'f', input: '', stop: false };
const thought = { type: 'reasoning', text: '', signature: '', redacted: '' };

reads('text', event('assistantResponseEvent', { content: 'hé👍' }), [{ type: 'text', text: 'hé👍' }]);
reads('text of a named model', event('assistantResponseEvent', { content: 'hé', modelId: 'm' }), [
  { type: 'text', text: 'hé', modelId: 'm' },
]);
reads('white space is text', event('assistantResponseEvent', { content: ' \n' }), [{ type: 'text', text: ' \n' }]);
reads('a text without content is nothing', event('assistantResponseEvent', { modelId: 'm' }), []);
reads('a text with empty content is nothing', event('assistantResponseEvent', { content: '' }), []);
reads('a text with null content is nothing', event('assistantResponseEvent', { content: null }), []);
reads('code is text', event('codeEvent', { content: 'x = 1' }), [{ type: 'text', text: 'x = 1' }]);
reads(
  'text that looks like the protocol is text',
  event('assistantResponseEvent', { content: '{"toolUseId":"t","stop":true}' }),
  [{ type: 'text', text: '{"toolUseId":"t","stop":true}' }],
);

reads('a thought', event('reasoningContentEvent', { text: 'hm' }), [{ ...thought, text: 'hm' }]);
reads('a signature', event('reasoningContentEvent', { signature: 's' }), [{ ...thought, signature: 's' }]);
reads('a redacted thought', event('reasoningContentEvent', { redactedContent: 'QQ==' }), [
  { ...thought, redacted: 'QQ==' },
]);

reads('the start of a tool call', tool({}), [toolUse]);
reads('a fragment of a tool call', tool({ input: '{"a' }), [{ ...toolUse, input: '{"a' }]);
reads('the stop of a tool call', tool({ stop: true }), [{ ...toolUse, stop: true }]);
reads('a stop that is false is none', tool({ stop: false }), [toolUse]);
reads('a whole tool call', tool({ input: '{}', stop: true }), [{ ...toolUse, input: '{}', stop: true }]);
reads('an input that is an object', tool({ input: { a: [1, null] } }), [{ ...toolUse, input: '{"a":[1,null]}' }]);
reads('an empty object announces fragments', tool({ input: {} }), [toolUse]);
reads('a null input is none', tool({ input: null }), [toolUse]);
reads(
  'a tool call without an id is refused',
  event('toolUseEvent', { name: 'f' }),
  'upstream-protocol: Kiro sent a tool call without an id; try again.',
);
reads(
  'a tool call whose input is a number is refused',
  tool({ input: 1 }),
  'upstream-protocol: Kiro sent input as number where a text belongs; try again.',
);

const counts = { uncachedInputTokens: 1, outputTokens: 2, totalTokens: 10, cacheReadInputTokens: 3 };
const usage = { uncachedInputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 0 };
reads('token usage', event('metadataEvent', { tokenUsage: counts }), [{ type: 'token-usage', usage }]);
reads(
  'token usage with a written cache',
  event('metadataEvent', { tokenUsage: { ...counts, cacheWriteInputTokens: 4 } }),
  [{ type: 'token-usage', usage: { ...usage, cacheWriteTokens: 4 } }],
);
reads(
  'token usage, percentage and stop reason in one event',
  event('metadataEvent', { stopReason: 'END_TURN', tokenUsage: { ...counts, contextUsagePercentage: 1.5 } }),
  [
    { type: 'token-usage', usage },
    { type: 'context-usage', percentage: 1.5 },
    { type: 'stop-reason', reason: 'END_TURN' },
  ],
);
reads('a stop reason alone', event('metadataEvent', { stopReason: 'MAX_TOKENS' }), [
  { type: 'stop-reason', reason: 'MAX_TOKENS' },
]);
reads('metadata that say nothing', event('metadataEvent', { tokenUsage: null, stopReason: null }), []);
reads('token usage with the sum of its input only', event('metadataEvent', { tokenUsage: { inputTokens: 5 } }), [
  { type: 'token-usage', usage: { uncachedInputTokens: 5, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 } },
]);
reads('a stop reason in small letters', event('metadataEvent', { stopReason: 'max_tokens' }), [
  { type: 'stop-reason', reason: 'MAX_TOKENS' },
]);
reads('parts of tokens, rounded', event('metadataEvent', { tokenUsage: { ...counts, cacheReadInputTokens: 2.6 } }), [
  { type: 'token-usage', usage },
]);
const ofTexts = { uncachedInputTokens: '1', outputTokens: 0 };
reads('a usage of zeros and of texts says nothing', event('metadataEvent', { tokenUsage: ofTexts }), []);
reads('a percentage of nothing says nothing', event('contextUsageEvent', { contextUsagePercentage: 0 }), []);
reads('metadata of another shape say nothing', event('metadataEvent', { tokenUsage: [1], stopReason: 5 }), []);
reads('a context percentage', event('contextUsageEvent', { contextUsagePercentage: 12.25 }), [
  { type: 'context-usage', percentage: 12.25 },
]);
reads('a context percentage of no number', event('contextUsageEvent', { contextUsagePercentage: '12' }), []);
reads('credits', event('meteringEvent', { usage: 0.125, unit: 'credit' }), [{ type: 'metering', credits: 0.125 }]);
reads('a percentage that nobody can count with', event('contextUsageEvent', { contextUsagePercentage: 1e308 }), []);
reads('credits below nothing', event('meteringEvent', { usage: -1 }), []);
reads('metering without a number', event('meteringEvent', { unit: 'credit' }), []);

for (const name of [
  'initial-response',
  'messageMetadataEvent',
  'followupPromptEvent',
  'codeReferenceEvent',
  'supplementaryWebLinksEvent',
  'citationEvent',
  'documentCitationEvent',
  'intentsEvent',
  'interactionComponentsEvent',
  'toolResultEvent',
  'dryRunSucceedEvent',
]) {
  reads(`${name} is passed over`, event(name, { content: 'no', toolUseId: 'no', usage: 1 }), []);
}
for (const name of ['somethingNewEvent', 'constructor']) {
  const said = { content: 'no', toolUseId: 'no', usage: 1 };
  reads(`of ${name} only the name is read`, event(name, said), [{ type: 'unknown', name }]);
}

const eventHeaders = (type: string) => ({ ':message-type': 'event', ':event-type': type });
readsText('an unknown event need not be JSON', eventHeaders('newEvent'), '\u0000', [
  { type: 'unknown', name: 'newEvent' },
]);
readsText('an event that does not call itself one', { ':event-type': 'assistantResponseEvent' }, '{"content":"a"}', [
  { type: 'text', text: 'a' },
]);
readsText(
  'an error whose words stand in its payload',
  { ':message-type': 'error', ':error-code': 'ValidationException' },
  '{"message":"Too much.","reason":"CONTENT_LENGTH_EXCEEDS_THRESHOLD"}',
  'context-overflow: Too much.',
);
readsText('a frame of an unknown kind is passed over', { ':message-type': 'ping' }, '{}', []);
readsText('a frame without headers is passed over', {}, '{}', []);
readsText('a known event without a payload says nothing', eventHeaders('assistantResponseEvent'), '', []);
for (const payload of ['{"content":', '["x"]', 'null']) {
  readsText(
    `a known event of ${payload} is refused`,
    eventHeaders('assistantResponseEvent'),
    payload,
    'upstream-protocol: Kiro sent an event that is no JSON object; try again.',
  );
  for (const name of ['metadataEvent', 'contextUsageEvent', 'meteringEvent']) {
    readsText(`${name} of ${payload} spoils no answer`, eventHeaders(name), payload, []);
  }
}

reads(
  'an exception is thrown in Kiro’s words',
  { exception: 'ThrottlingException', payload: { message: 'Too many requests.' } },
  'rate-limited: Too many requests.',
);
reads(
  'an exception with its message in capitals',
  { exception: 'throttlingError', payload: { Message: 'Too many requests.' } },
  'rate-limited: Too many requests.',
);
reads(
  'the reason of an exception decides',
  { exception: 'ValidationException', payload: { message: 'No.', reason: 'CONTENT_LENGTH_EXCEEDS_THRESHOLD' } },
  'context-overflow: No.',
);
reads(
  'an exception with fields of the wrong type keeps its kind',
  { exception: 'ThrottlingException', payload: { message: 5, reason: { a: 1 } } },
  'rate-limited: Kiro asks for a pause: too many requests.',
);

const exceptionHeaders = { ':message-type': 'exception', ':exception-type': 'ThrottlingException' };
const THROTTLED = 'rate-limited: Kiro asks for a pause: too many requests.';
readsText('an exception without a payload keeps its kind', exceptionHeaders, '', THROTTLED);
readsText('an exception whose payload is not JSON keeps its kind', exceptionHeaders, 'slow down', THROTTLED);
readsText('an exception whose payload is no object keeps its kind', exceptionHeaders, '[1]', THROTTLED);
readsText(
  'an exception without a type is a broken answer',
  { ':message-type': 'exception' },
  '{}',
  'upstream-unavailable: Kiro broke off its answer; try again.',
);

reads(
  'an error frame is thrown in Kiro’s words',
  { error: 'InternalFailure', message: 'It failed.' },
  'upstream-unavailable: It failed.',
);
readsText(
  'an error frame without words',
  { ':message-type': 'error' },
  '',
  'upstream-unavailable: Kiro broke off its answer; try again.',
);

reads(
  'an invalid state is thrown',
  event('invalidStateEvent', { reason: 'STALE_CONVERSATION', message: 'It is stale.' }),
  'invalid-request: It is stale. Start a new conversation.',
);
reads(
  'an invalid state by length is an overflow',
  event('invalidStateEvent', { reason: 'CONTENT_LENGTH_EXCEEDS_THRESHOLD' }),
  'context-overflow: The conversation is too long for the model.',
);
