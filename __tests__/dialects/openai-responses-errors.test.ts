/** Every kind of error in the words of the Responses API: before the answer, and as its last event. */

import { expect, test } from '@jest/globals';
import OpenAI from 'openai';
import { GatewayError, type ErrorFacts, type ErrorKind } from '../../src/core/errors.js';
import { openaiResponses } from '../../src/dialects/openai-responses.js';
import { readResponsesStream } from '../support/responses-automaton.js';
import { answering, reply, writeStream } from './support.js';

type Told = {
  readonly type: string;
  readonly code?: string | null;
  readonly param?: string;
  readonly message?: string;
};
type Case = {
  readonly facts?: ErrorFacts;
  readonly status: number;
  readonly early: Told;
  readonly headers?: Readonly<Record<string, string>>;
  /** The code, and the message where it is another one. */
  readonly late: readonly [string, string?];
};

const SENTENCE = 'What happened.';

const error = (title: string, kind: ErrorKind, { facts = {}, status, early, headers = {}, late }: Case) =>
  test(title, () => {
    const given = new GatewayError(kind, SENTENCE, facts);
    const told = { message: SENTENCE, param: null, code: null, ...early };
    expect(openaiResponses.writeError(given, 'req_1')).toEqual({
      status,
      headers: { 'x-request-id': 'req_1', ...headers },
      body: { error: told },
    });
    const [code, message = told.message] = late;
    const stream = writeStream(openaiResponses, [{ type: 'error', error: given }]);
    expect(readResponsesStream(stream).error).toEqual({ code, message });
  });

const STOP = { 'x-should-retry': 'false' };
const WRONG = { type: 'invalid_request_error' };
const FORBIDDEN = { type: 'permission_error' };
const SLOW = { type: 'rate_limit_error' };
const FAULT = { type: 'server_error' };

error('a wrong field is named', 'invalid-request', {
  facts: { param: 'input[0].role', details: { error_code: 'unsupported_parameter' } },
  status: 400,
  early: { ...WRONG, param: 'input[0].role', code: 'unsupported_parameter' },
  late: ['invalid_prompt'],
});
error('a wrong gateway key', 'unauthorized', {
  status: 401,
  early: { type: 'authentication_error', code: 'invalid_api_key' },
  headers: STOP,
  late: ['invalid_prompt'],
});
error('a missing login is no 403, which Codex repeats', 'not-logged-in', {
  status: 400,
  early: { ...FORBIDDEN, code: 'not_logged_in' },
  headers: STOP,
  late: ['invalid_prompt'],
});
error('nor is a login that has expired', 'login-expired', {
  status: 400,
  early: { ...FORBIDDEN, code: 'login_expired' },
  headers: STOP,
  late: ['invalid_prompt'],
});
error('what the plan forbids', 'forbidden', { status: 403, early: FORBIDDEN, headers: STOP, late: ['invalid_prompt'] });
error('an unknown model', 'model-not-found', {
  status: 404,
  early: { ...WRONG, code: 'model_not_found', param: 'model' },
  headers: STOP,
  late: ['invalid_prompt'],
});
const OVERFLOW =
  "This model's maximum context length is 200000 tokens. However, your messages resulted in 210000 tokens. " +
  'Please reduce the length of the messages.';
error('an overflow has the code that starts compaction', 'context-overflow', {
  facts: { overflow: { tokens: 210_000, limit: 200_000 } },
  status: 400,
  early: { ...WRONG, code: 'context_length_exceeded', param: 'input', message: OVERFLOW },
  headers: STOP,
  late: ['context_length_exceeded'],
});
error('a rate limit says how long to wait, also within the sentence', 'rate-limited', {
  facts: { retryAfterSeconds: 1.2 },
  status: 429,
  early: { ...SLOW, code: 'rate_limit_exceeded' },
  headers: { 'retry-after': '2' },
  late: ['rate_limit_exceeded', 'What happened. Please try again in 2s.'],
});
error('a rate limit of unknown length lasts five seconds', 'rate-limited', {
  status: 429,
  early: { ...SLOW, code: 'rate_limit_exceeded' },
  late: ['rate_limit_exceeded', 'What happened. Please try again in 5s.'],
});
error('a spent plan has the type that Codex takes for the end', 'quota-exhausted', {
  status: 429,
  early: { type: 'usage_limit_reached', code: 'insufficient_quota' },
  headers: STOP,
  late: ['insufficient_quota'],
});
error('a busy model', 'overloaded', {
  status: 429,
  early: { ...SLOW, code: 'server_is_overloaded' },
  headers: { 'retry-after': '5' },
  late: ['server_is_overloaded'],
});
error('a silent upstream', 'upstream-unavailable', {
  status: 502,
  early: FAULT,
  headers: { 'x-should-retry': 'true', 'retry-after': '5' },
  late: ['server_error'],
});
error('a strange upstream', 'upstream-protocol', { status: 502, early: FAULT, late: ['server_error'] });
error('a client that left', 'cancelled', { status: 499, early: FAULT, headers: STOP, late: ['server_error'] });
error('a bug of ours', 'internal', { status: 500, early: FAULT, headers: STOP, late: ['server_error'] });
error('a body that is too large is a conversation that is too long', 'invalid-request', {
  facts: { status: 413, param: 'body' },
  status: 400,
  early: { ...WRONG, param: 'body', code: 'context_length_exceeded' },
  late: ['invalid_prompt'],
});
error('the transport’s own status is kept', 'invalid-request', {
  facts: { status: 415 },
  status: 415,
  early: WRONG,
  late: ['invalid_prompt'],
});

test('OpenAI’s SDK finds type, code, message and request id', async () => {
  const { status, headers, body } = openaiResponses.writeError(new GatewayError('login-expired', SENTENCE), 'req_1');
  const client = new OpenAI({ apiKey: 'k', fetch: answering(body, status, headers) });
  await expect(client.responses.create({ model: 'm', input: 'hi' })).rejects.toMatchObject({
    constructor: OpenAI.BadRequestError,
    code: 'login_expired',
    requestID: 'req_1',
    message: '400 What happened.',
  });
});

test('a failure after the first event is a response that has failed, with what was said before', async () => {
  const text = { type: 'text', text: 'Hello' } as const;
  const stream = writeStream(openaiResponses, [
    { type: 'start', inputTokens: 1 },
    { type: 'block-start', index: 0, block: { type: 'text' } },
    { type: 'block-delta', index: 0, block: 'text', delta: 'Hello' },
    { type: 'block-end', index: 0, block: text },
    { type: 'block-start', index: 1, block: { type: 'text' } },
    { type: 'block-delta', index: 1, block: 'text', delta: 'unfin' },
    { type: 'error', error: new GatewayError('overloaded', SENTENCE) },
  ]);
  const { response } = readResponsesStream(stream);
  expect(response).toMatchObject({ status: 'failed', output: [{ content: [{ text: 'Hello' }] }] });
  const client = new OpenAI({ apiKey: 'k', fetch: answering(stream) });
  const final = await client.responses.stream({ model: 'm', input: 'hi' }).finalResponse();
  expect([final.status, final.error, final.id]).toEqual([
    'failed',
    { code: 'server_is_overloaded', message: SENTENCE },
    `resp_${reply.id}`,
  ]);
});

test.each([
  ['Slow down', 'Slow down. Please try again in 5s.'],
  ['Slow down!', 'Slow down! Please try again in 5s.'],
])('Codex is told how long to wait in a sentence of its own: %s', (said, message) => {
  const stream = writeStream(openaiResponses, [{ type: 'error', error: new GatewayError('rate-limited', said) }]);
  expect(readResponsesStream(stream).error).toEqual({ code: 'rate_limit_exceeded', message });
});
