/** The encoder against the oracle: what it writes, AWS's own decoder reads, checksums and all. */
import { expect, test } from '@jest/globals';
import { encodeEvent, encodeFrame, encodeSceneLine, type SceneLine } from '../../src/simulator/frames.js';
import { decodeMessages } from './support.js';

test('an event decodes to its headers and payload', async () => {
  const [message] = await decodeMessages([encodeEvent('assistantResponseEvent', { content: 'añ漢👍' })]);
  expect(valuesOf(message?.headers ?? {})).toEqual({
    ':event-type': 'assistantResponseEvent',
    ':content-type': 'application/json',
    ':message-type': 'event',
  });
  expect(payloadOf(message?.body)).toBe('{"content":"añ漢👍"}');
});

test('an exception decodes to its type and payload', async () => {
  const [message] = await decodeMessages([
    encodeSceneLine({ exception: 'ThrottlingException', payload: { message: 'Slow down.' } }),
  ]);
  expect(valuesOf(message?.headers ?? {})).toEqual({
    ':exception-type': 'ThrottlingException',
    ':content-type': 'application/json',
    ':message-type': 'exception',
  });
  expect(payloadOf(message?.body)).toBe('{"message":"Slow down."}');
});

test('an error decodes to its code and message, without a payload', async () => {
  const [message] = await decodeMessages([encodeSceneLine({ error: 'InternalFailure', message: 'It failed.' })]);
  expect(valuesOf(message?.headers ?? {})).toEqual({
    ':error-code': 'InternalFailure',
    ':error-message': 'It failed.',
    ':message-type': 'error',
  });
  expect(payloadOf(message?.body)).toBe('');
});

const SCENE: readonly SceneLine[] = [
  { event: 'assistantResponseEvent', payload: { content: 'x'.repeat(70_000) } },
  { exception: 'ValidationException', payload: { reason: null } },
  { error: 'Code', message: 'né' },
  { event: 'emptyEvent', payload: {} },
];

test('a scene decodes line by line, however its bytes are cut', async () => {
  const bytes = Buffer.concat(SCENE.map(encodeSceneLine));
  const whole = await decodeMessages([bytes]);
  const cut = await decodeMessages(Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1)));
  expect(whole).toHaveLength(SCENE.length);
  expect(cut.map(({ headers }) => valuesOf(headers))).toEqual(whole.map(({ headers }) => valuesOf(headers)));
});

test('a frame without headers and payload has its smallest length of 16 bytes', async () => {
  const frame = encodeFrame({ headers: {}, payload: new Uint8Array() });
  expect(frame).toHaveLength(16);
  expect(await decodeMessages([frame])).toEqual([{ headers: {}, body: new Uint8Array() }]);
});

test('both checksums are there: a flipped bit in any byte but the lengths is found by the oracle', async () => {
  const frame = encodeEvent('e', { a: 1 });
  for (let at = 4; at < frame.length; at += 1) {
    const damaged = Uint8Array.from(frame);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await expect(decodeMessages([damaged])).rejects.toThrow();
  }
});

function valuesOf(headers: Readonly<Record<string, { readonly value: unknown }>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value]));
}

function payloadOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}
