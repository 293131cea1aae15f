/** Every kind of error in both dialects: the status, the names and the headers by which clients decide what to do. */

import Anthropic from '@anthropic-ai/sdk';
import { expect, test } from '@jest/globals';
import OpenAI from 'openai';
import { GatewayError, type ErrorFacts, type ErrorKind } from '../../src/core/errors.js';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import { openaiChat } from '../../src/dialects/openai-chat.js';
import { answering } from './support.js';

type Expected = { status: number; type: string; code?: string | null; param?: string; message?: string };
type Case = { facts?: ErrorFacts; anthropic: Expected; openai: Expected; headers?: Record<string, string> };

const STOP = { 'x-should-retry': 'false' };
const WRONG = { status: 400, type: 'invalid_request_error' };
const FORBIDDEN = { status: 403, type: 'permission_error' };
const SLOW = { status: 429, type: 'rate_limit_error' };
const FAULT = { status: 502, type: 'api_error' };

const error = (title: string, kind: ErrorKind, { facts = {}, anthropic, openai, headers = {} }: Case) =>
  test(title, () => {
    const given = new GatewayError(kind, 'What happened.', facts);
    const { status, type, message = 'What happened.' } = anthropic;
    expect(anthropicMessages.writeError(given, 'req_1')).toEqual({
      status,
      headers: { 'request-id': 'req_1', ...headers },
      body: {
        type: 'error',
        error: { type, message, ...(facts.details && { details: facts.details }) },
        request_id: 'req_1',
      },
    });
    const { code = null, param = null } = openai;
    expect(openaiChat.writeError(given, 'req_1')).toEqual({
      status: openai.status,
      headers: { 'x-request-id': 'req_1', ...headers },
      body: { error: { message: openai.message ?? 'What happened.', type: openai.type, param, code } },
    });
  });

error('a wrong request is the client’s fault', 'invalid-request', { anthropic: WRONG, openai: WRONG });
error('a wrong field is named', 'invalid-request', {
  facts: { param: 'messages[0].role' },
  anthropic: WRONG,
  openai: { ...WRONG, param: 'messages[0].role' },
});
error('details go along, and their code is OpenAI’s code', 'invalid-request', {
  facts: { details: { error_code: 'unsupported_parameter' } },
  anthropic: WRONG,
  openai: { ...WRONG, code: 'unsupported_parameter' },
});
error('a wrong gateway key is not tried again', 'unauthorized', {
  anthropic: { status: 401, type: 'authentication_error' },
  openai: { status: 401, type: 'authentication_error', code: 'invalid_api_key' },
  headers: STOP,
});
error('a missing login is no 401, which clients repeat', 'not-logged-in', {
  anthropic: FORBIDDEN,
  openai: { ...FORBIDDEN, code: 'not_logged_in' },
  headers: STOP,
});
error('nor is a login that has expired', 'login-expired', {
  anthropic: FORBIDDEN,
  openai: { ...FORBIDDEN, code: 'login_expired' },
  headers: STOP,
});
error('what the plan forbids is forbidden', 'forbidden', { anthropic: FORBIDDEN, openai: FORBIDDEN, headers: STOP });
error('an unknown model is not found', 'model-not-found', {
  anthropic: { status: 404, type: 'not_found_error' },
  openai: { ...WRONG, status: 404, code: 'model_not_found', param: 'model' },
  headers: STOP,
});
error('an overflow is told in the words that start compaction', 'context-overflow', {
  facts: { overflow: { tokens: 210_000, limit: 200_000 } },
  anthropic: { ...WRONG, message: 'prompt is too long: 210000 tokens > 200000 maximum' },
  openai: {
    ...WRONG,
    code: 'context_length_exceeded',
    param: 'messages',
    message:
      "This model's maximum context length is 200000 tokens. However, your messages resulted in 210000 tokens. " +
      'Please reduce the length of the messages.',
  },
  headers: STOP,
});
error('also when the numbers are not known', 'context-overflow', {
  anthropic: { ...WRONG, message: 'prompt is too long: What happened.' },
  openai: { ...WRONG, code: 'context_length_exceeded', param: 'messages' },
  headers: STOP,
});
error('a rate limit says when to come back', 'rate-limited', {
  facts: { retryAfterSeconds: 1.2 },
  anthropic: SLOW,
  openai: { ...SLOW, code: 'rate_limit_exceeded' },
  headers: { 'retry-after': '2' },
});
error('a spent plan is not tried again', 'quota-exhausted', {
  anthropic: SLOW,
  openai: { ...SLOW, code: 'insufficient_quota' },
  headers: STOP,
});
error('a busy model is tried again in 5 seconds', 'overloaded', {
  anthropic: { status: 529, type: 'overloaded_error' },
  openai: { ...SLOW, code: 'server_is_overloaded' },
  headers: { 'retry-after': '5' },
});
error('a silent upstream is tried again', 'upstream-unavailable', {
  anthropic: FAULT,
  openai: { ...FAULT, type: 'server_error' },
  headers: { 'x-should-retry': 'true', 'retry-after': '5' },
});
error('a strange upstream is left to the client', 'upstream-protocol', {
  anthropic: FAULT,
  openai: { ...FAULT, type: 'server_error' },
});
error('a client that left gets a status for the log', 'cancelled', {
  anthropic: { status: 499, type: 'api_error' },
  openai: { status: 499, type: 'server_error' },
  headers: STOP,
});
error('our own bugs are not tried again', 'internal', {
  anthropic: { status: 500, type: 'api_error' },
  openai: { status: 500, type: 'server_error' },
  headers: STOP,
});

const transport = (status: number, type: string) =>
  error(`the transport’s own ${status} is kept`, 'invalid-request', {
    facts: { status },
    anthropic: { status, type },
    openai: { ...WRONG, status },
  });
transport(404, 'not_found_error');
transport(405, 'not_found_error');
transport(413, 'request_too_large');
transport(415, 'invalid_request_error');

const NO_LOGIN = new GatewayError('not-logged-in', 'Run `kiro-gateway login`.');
test('Anthropic’s SDK finds type, message and request id', async () => {
  const { status, headers, body } = anthropicMessages.writeError(NO_LOGIN, 'req_1');
  const client = new Anthropic({ apiKey: 'k', fetch: answering(body, status, headers) });
  const asked = client.messages.create({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'hi' }] });
  await expect(asked).rejects.toMatchObject({
    status: 403,
    type: 'permission_error',
    requestID: 'req_1',
    message: expect.stringContaining('Run `kiro-gateway login`.'),
  });
});
test('OpenAI’s SDK finds type, code, message and request id', async () => {
  const { status, headers, body } = openaiChat.writeError(NO_LOGIN, 'req_1');
  const client = new OpenAI({ apiKey: 'k', fetch: answering(body, status, headers) });
  const asked = client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
  await expect(asked).rejects.toMatchObject({
    status: 403,
    type: 'permission_error',
    code: 'not_logged_in',
    requestID: 'req_1',
    message: '403 Run `kiro-gateway login`.',
  });
});
