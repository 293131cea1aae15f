/** Kiro's failures, row by row (protocol 6.2 and 13). */

import { expect, test } from '@jest/globals';
import * as official from '@aws/codewhisperer-streaming-client';
import type { ErrorKind } from '../../src/core/errors.js';
import { isDeadToken, isUnknownOperation, type KiroFailure } from '../../src/kiro/error-reasons.js';
import { bareType, readFailureBody, toKiroError } from '../../src/kiro/errors.js';
import { FAILURES } from '../../src/simulator/exchange.js';

const failure = (fields: Partial<KiroFailure>): KiroFailure => ({ type: '', message: '', reason: '', ...fields });

type Row = [status: number | undefined, type: string, reason: string, message: string, kind: ErrorKind];

test.each<Row>([
  [400, 'ValidationException', 'CONTENT_LENGTH_EXCEEDS_THRESHOLD', 'Input is too long.', 'context-overflow'],
  [400, 'ValidationException', 'PROMPT_TOO_LONG', 'No.', 'context-overflow'],
  [400, 'ValidationException', '', 'Input content length exceeds threshold.', 'context-overflow'],
  [400, '', '', 'Input is too long.', 'context-overflow'],
  [undefined, 'ContentLengthExceededException', '', 'No.', 'context-overflow'],
  [413, '', '', '', 'context-overflow'],
  [400, 'ValidationException', '', 'Improperly formed request.', 'invalid-request'],
  [400, 'ValidationException', 'REQUEST_BODY_INVALID', 'Improperly formed request.', 'invalid-request'],
  [400, 'ValidationException', '', 'profileArn is required for this request.', 'invalid-request'],
  [400, 'ValidationException', 'INVALID_MODEL_ID', 'Invalid model.', 'model-not-found'],
  [400, 'ValidationException', 'THINKING_SIGNATURE_INVALID', 'Invalid signature.', 'invalid-request'],
  [400, 'ValidationException', 'TOOL_SCHEMA_INVALID', 'No.', 'invalid-request'],
  [400, 'ValidationException', '', 'Invalid tool use format.', 'invalid-request'],
  [400, 'ThrottlingException', 'MONTHLY_REQUEST_COUNT', 'Maximum Request reached for this month.', 'quota-exhausted'],
  [400, 'ThrottlingException', '', 'Maximum Request reached for this month.', 'quota-exhausted'],
  [402, '', 'MONTHLY_REQUEST_COUNT', 'You have reached the limit.', 'quota-exhausted'],
  [402, '', '', '', 'quota-exhausted'],
  [400, 'ServiceQuotaExceededException', 'OVERAGE_REQUEST_LIMIT_EXCEEDED', 'No.', 'quota-exhausted'],
  [429, 'ThrottlingException', 'DAILY_REQUEST_COUNT', 'No.', 'quota-exhausted'],
  [400, 'ServiceQuotaExceededException', 'CONVERSATION_LIMIT_EXCEEDED', 'No.', 'quota-exhausted'],
  [undefined, 'ServiceQuotaExceededError', '', 'No.', 'quota-exhausted'],
  [429, 'ThrottlingException', '', 'Too many requests, please wait before trying again.', 'rate-limited'],
  [429, '', '', '60-minute credit limit exceeded', 'rate-limited'],
  [429, '', '', 'Due to suspicious activity, we are imposing temporary limits', 'rate-limited'],
  [400, 'throttlingError', '', '', 'rate-limited'],
  [undefined, 'TooManyRequestsException', '', '', 'rate-limited'],
  [429, '', 'USER_REQUEST_RATE_EXCEEDED', '', 'rate-limited'],
  [429, 'ThrottlingException', 'INSUFFICIENT_MODEL_CAPACITY', 'High traffic.', 'overloaded'],
  [500, 'InternalServerException', 'INSUFFICIENT_MODEL_CAPACITY', 'High traffic.', 'overloaded'],
  [500, '', '', 'Encountered unexpectedly high load when processing the request, please try again.', 'overloaded'],
  [500, 'InternalServerException', 'MODEL_TEMPORARILY_UNAVAILABLE', 'Away.', 'upstream-unavailable'],
  [503, 'ServiceUnavailableException', '', '', 'upstream-unavailable'],
  [502, '', '', '', 'upstream-unavailable'],
  [504, '', '', '', 'upstream-unavailable'],
  [500, 'InternalServerException', '', '', 'upstream-unavailable'],
  [599, '', '', '', 'upstream-unavailable'],
  [408, '', '', '', 'upstream-unavailable'],
  [401, '', '', '', 'login-expired'],
  [403, 'AccessDeniedException', '', 'The bearer token included in the request is invalid.', 'login-expired'],
  [403, 'ExpiredTokenException', '', '', 'login-expired'],
  [403, 'UnrecognizedClientException', '', '', 'login-expired'],
  [403, '', '', 'The security token included in the request is expired', 'login-expired'],
  [403, '', '', 'Invalid token', 'login-expired'],
  [403, 'AccessDeniedException', '', 'User is not authorized to access this feature.', 'forbidden'],
  [403, 'AccessDeniedException', 'FEATURE_NOT_SUPPORTED', 'No.', 'forbidden'],
  [403, '', '', '', 'forbidden'],
  [undefined, 'AccessDeniedError', '', '', 'forbidden'],
  [403, 'AccessDeniedException', 'TEMPORARILY_SUSPENDED', 'Your bearer token is suspended.', 'forbidden'],
  [403, '', '', 'Your User ID temporarily is suspended.', 'forbidden'],
  [423, '', '', '', 'forbidden'],
  [undefined, 'InvalidStateEvent', 'STALE_CONVERSATION', 'No.', 'invalid-request'],
  [undefined, 'InvalidStateEvent', 'CONTENT_LENGTH_EXCEEDS_THRESHOLD', 'No.', 'context-overflow'],
  [undefined, 'ConversationExpiredError', '', '', 'invalid-request'],
  [undefined, 'SomethingNewException', '', '', 'upstream-unavailable'],
  [undefined, '', '', '', 'upstream-unavailable'],
  [undefined, 'constructor', 'constructor', '', 'upstream-unavailable'],
  [404, 'ResourceNotFoundException', '', '', 'invalid-request'],
  [418, '', '', '', 'invalid-request'],
  [404, '', '', '', 'upstream-protocol'],
  [200, '', '', '', 'upstream-protocol'],
  [204, '', '', '', 'upstream-protocol'],
  [302, '', '', '', 'upstream-protocol'],
  [400, 'webpage', '', '', 'upstream-protocol'],
  [405, '', '', '', 'upstream-protocol'],
  [511, '', '', '', 'upstream-protocol'],
  [undefined, 'InternalFailure', '', '', 'upstream-unavailable'],
  [409, 'ConflictException', 'CUSTOMER_KMS_KEY_DISABLED', 'No.', 'forbidden'],
  [400, 'ValidationException', '', 'Invalid profileArn.', 'invalid-request'],
])('%s %s %s %j is %s', (status, type, reason, message, kind) => {
  expect(toKiroError(failure({ status, type, reason, message })).kind).toBe(kind);
});

/** Every reason in the enums of AWS's own client, by the exception it comes with. */
const reasons = Object.entries(official).flatMap(([name, values]): [string, string][] => {
  if (!/ExceptionReason$|^InvalidStateReason$/.test(name) || typeof values !== 'object') return [];
  return Object.values(values).map((reason) => [name, String(reason)]);
});

test('AWS’s client names reasons for seven failures', () => {
  expect(new Set(reasons.map(([name]) => name)).size).toBe(7);
  expect(reasons.length).toBeGreaterThan(35);
});

const KINDS: Readonly<Record<string, readonly ErrorKind[]>> = {
  AccessDeniedExceptionReason: ['forbidden'],
  ConflictExceptionReason: ['forbidden'],
  InternalServerExceptionReason: ['upstream-unavailable'],
  InvalidStateReason: ['invalid-request'],
  ServiceQuotaExceededExceptionReason: ['quota-exhausted'],
  ThrottlingExceptionReason: ['quota-exhausted', 'overloaded'],
  ValidationExceptionReason: ['invalid-request', 'context-overflow', 'model-not-found', 'forbidden'],
};

test.each(reasons)('%s %s has a row: a kind that fits, and a sentence of its own', (name, reason) => {
  const { kind, message } = toKiroError(failure({ reason }));
  expect(KINDS[name]).toContain(kind);
  expect(message).not.toMatch(/without a reason|broke off/);
});

test.each(reasons.filter(([, reason]) => /^(?:IMAGE|DOCUMENT)_/.test(reason)))(
  '%s %s says which block is at fault, and what to do about it',
  (_, reason) => {
    const block = reason.startsWith('IMAGE') ? /images?\b/i : /documents?\b/i;
    const [alone, after] = [failure({ reason }), failure({ reason, message: 'Improperly formed request.' })];
    expect(toKiroError(alone).message).toMatch(block);
    expect(toKiroError(after).message).toMatch(new RegExp(`^Improperly formed request\\. .*${block.source}`, 'i'));
  },
);

test.each(Object.entries(FAILURES).filter(([name]) => name !== 'bearerInvalid'))(
  'the simulator’s failure %s is answered in its own words',
  (_name, given) => {
    const { message } = toKiroError(failure({ ...given, reason: given.reason ?? '' }));
    expect(message.startsWith(given.message)).toBe(true);
  },
);

test.each([
  [
    'The bearer token included in the request is invalid.',
    'Your Kiro login no longer works; the gateway key is fine. (Kiro said: The bearer token included in the request is invalid.) Sign in again with `kiro-gateway login`, or where this login came from.',
  ],
  [
    '',
    'Your Kiro login no longer works; the gateway key is fine. Sign in again with `kiro-gateway login`, or where this login came from.',
  ],
])('a dead login does not look like a wrong gateway key, when Kiro says %j', (message, expected) => {
  expect(toKiroError(failure({ status: 403, type: 'ExpiredTokenException', message })).message).toBe(expected);
});

test('Kiro’s words come first, and then what to do', () => {
  expect(
    toKiroError(failure({ reason: 'MONTHLY_REQUEST_COUNT', message: ' You have reached the limit ' })).message,
  ).toBe(
    'You have reached the limit. The credits of the plan come back at its next reset; `kiro-gateway usage` tells the day.',
  );
});

test('a reason without words is told in ours, with what to do', () => {
  expect(toKiroError(failure({ reason: 'DOCUMENT_SIZE_EXCEEDED' })).message).toBe(
    'Kiro refused the request (DOCUMENT_SIZE_EXCEEDED). Send a smaller document, or send it in parts.',
  );
});

test.each([
  ['ThrottlingException', 'ThrottlingException'],
  ['com.amazon.kiro#ThrottlingException', 'ThrottlingException'],
  ['ThrottlingException:http://internal.amazon.com/coral/com.amazon.kiro/', 'ThrottlingException'],
])('the bare name of %.60s', (type, bare) => {
  expect(bareType(type)).toBe(bare);
});

test('the facts of a failure are kept', () => {
  const given = { status: 429, reason: 'INSUFFICIENT_MODEL_CAPACITY', requestId: 'r', retryAfterSeconds: 7 };
  expect([
    toKiroError(failure(given)).facts,
    toKiroError(failure({ ...given, retryAfterSeconds: undefined })).facts,
  ]).toEqual([
    { reason: 'INSUFFICIENT_MODEL_CAPACITY', retryAfterSeconds: 7, upstreamRequestId: 'r' },
    { reason: 'INSUFFICIENT_MODEL_CAPACITY', retryAfterSeconds: 5, upstreamRequestId: 'r' },
  ]);
});

test.each<[boolean, Partial<KiroFailure>]>([
  [true, { status: 401 }],
  [true, { status: 403, message: 'The bearer token included in the request is invalid.' }],
  [true, { status: 403, message: 'The security token included in the request is expired' }],
  [true, { status: 403, message: 'Token has expired' }],
  [true, { status: 403, message: 'Token is expired' }],
  [true, { status: 403, message: 'The access token is invalid.' }],
  [true, { status: 403, message: 'Invalid token' }],
  [true, { status: 403, type: 'ExpiredTokenException' }],
  [true, { status: 403, type: 'UnrecognizedClientException' }],
  [true, { status: 400, type: 'ExpiredTokenException' }],
  [true, { status: 403, type: 'expiredTokenError' }],
  [true, { status: 403, type: 'ExpiredToken' }],
  [false, { type: 'ExpiredTokenException' }],
  [false, { status: 403 }],
  [false, { status: 403, type: 'AccessDeniedException', message: 'User is not authorized to access this feature.' }],
  [false, { status: 403, reason: 'TEMPORARILY_SUSPENDED', message: 'bearer token' }],
  [false, { status: 400, message: 'The bearer token included in the request is invalid.' }],
  [false, { message: 'The bearer token included in the request is invalid.' }],
])('%s: a refresh helps against %j', (expected, given) => {
  expect(isDeadToken(failure(given))).toBe(expected);
});

test.each<[boolean, Partial<KiroFailure>]>([
  [true, { status: 404 }],
  [true, { status: 405 }],
  [true, { status: 400, type: 'UnknownOperationException' }],
  [true, { status: 403, message: 'Unable to determine service/operation name to be authorized' }],
  [true, { status: 400, message: 'Unknown operation.' }],
  [false, { status: 404, reason: 'INVALID_MODEL_ID' }],
  [false, { status: 400, message: 'Improperly formed request.' }],
  [false, { status: 403 }],
  [false, { status: 500 }],
])('%s: the older host helps against %j', (expected, given) => {
  expect(isUnknownOperation(failure(given))).toBe(expected);
});

test.each([
  ['', { type: '', message: '', reason: '' }],
  ['<html>', { type: '', message: '', reason: '' }],
  ['null', { type: '', message: '', reason: '' }],
  ['[{"message":"a"}]', { type: '', message: '', reason: '' }],
  ['{"message":{"a":1},"reason":null,"__type":5}', { type: '', message: '', reason: '' }],
  ['{"__type":"T","message":"m","reason":"R"}', { type: 'T', message: 'm', reason: 'R' }],
  ['{"code":"T","Message":"m"}', { type: 'T', message: 'm', reason: '' }],
  ['{"error":{"message":"m","reason":"R"}}', { type: '', message: 'm', reason: 'R' }],
  ['{"Output":{"__type":"com.amazon.coral.service#T"},"Version":"1.0"}', { type: 'T', message: '', reason: '' }],
  ['{"error":"m"}', { type: '', message: '', reason: '' }],
  ['{"errorMessage":"m"}', { type: '', message: 'm', reason: '' }],
])('the body %s of a failure says %j', (body, expected) => {
  expect(readFailureBody(body)).toEqual(expected);
});
