/** The bodies that are no JSON we want: too deep, too many, too large when unpacked, not in UTF-8, not JSON at all. */

import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { GatewayError } from '../../src/core/errors.js';
import { jsonExcess } from '../../src/core/reader.js';
import { readJson } from '../../src/server/body.js';
import { startGateway } from '../support/gateway.js';
import { ask, DIALECTS, question, ROUTES } from '../support/http.js';

const gateway = await startGateway({ env: { MAX_BODY_SIZE: '1mb' } });
afterAll(() => gateway.close());

function complaint(bytes: string | Buffer): unknown {
  try {
    return readJson(Buffer.from(bytes));
  } catch (thrown) {
    return thrown instanceof GatewayError ? thrown.message : thrown;
  }
}

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

const bodies: readonly (readonly [string, string | Buffer, unknown])[] = [
  ['an object', '{"a":1}', { a: 1 }],
  ['a byte order mark', '\uFEFF{"a":1}', { a: 1 }],
  ['text in all scripts', '"é漢👩‍👧"', 'é漢👩‍👧'],
  ['half a character that is escaped', '"\\ud800"', '\ud800'],
  ['as deep as allowed', nested(3) + ' '.repeat(5), [[[]]]],
  ['brackets in a string', `"${'['.repeat(600)}"`, '['.repeat(600)],
  ['brackets after an escaped quote', `"\\"${'{'.repeat(600)}"`, `"${'{'.repeat(600)}`],
  ['nothing', '', 'body: is not JSON (it ends too early or is empty)'],
  ['a secret that is no JSON', 'sk-secret', expect.stringMatching(/^body: is not JSON \((?!.*secret)/)],
  ['a byte that is none of UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'body: is not valid UTF-8'],
  ['an overlong zero', Buffer.from([0x22, 0xc0, 0x80, 0x22]), 'body: is not valid UTF-8'],
  ['half a character as bytes', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'body: is not valid UTF-8'],
  ['UTF-16', Buffer.from('\uFEFF{"a":1}', 'utf16le'), 'body: is not valid UTF-8'],
  ['10,000 levels', nested(10_000), 'body: is nested deeper than 500 levels'],
  ['10,000 levels of objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, expect.stringMatching(/500 levels$/)],
  ['levels that never close', '['.repeat(2_000_000), 'body: is nested deeper than 500 levels'],
  ['a million tiny values', `[${'0,'.repeat(1_000_000)}0]`, 'body: has more than 500000 values'],
  ['a million tiny blocks', `[${'{},'.repeat(1_000_000)}{}]`, 'body: has more than 500000 values'],
];

test.each(bodies)('%s', (_, bytes, expected) => {
  expect(complaint(bytes)).toEqual(expected);
});

test('any JSON text is read as it is written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(readJson(Buffer.from(JSON.stringify([text])))).toEqual([text]);
    }),
  );
});

test('what is counted in the text of any JSON is what is in it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6, noUnicodeString: false }), fc.nat(8), fc.nat(40), (text, depth, values) => {
      const real = measured(JSON.parse(text));
      const excess = jsonExcess(text, { depth, values });
      expect(excess === undefined).toBe(real.depth <= depth && real.commas + real.openings + 1 <= values);
    }),
  );
});

/** The same numbers from the value: each list and object opens once, and has a comma between two entries. */
function measured(value: unknown): { depth: number; openings: number; commas: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, openings: 0, commas: 0 };
  const inner = Object.values(value).map(measured);
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    openings: 1 + inner.reduce((sum, { openings }) => sum + openings, 0),
    commas: Math.max(0, inner.length - 1) + inner.reduce((sum, { commas }) => sum + commas, 0),
  };
}

type Post = { status: number; error: { message: string; type: string } };

async function post(path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Post> {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': gateway.key, ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  const { error } = (await response.json()) as { error: Post['error'] };
  return { status: response.status, error };
}

const spaces = Buffer.alloc(20_000_000, ' ');
const bombs = {
  gzip: gzipSync(spaces, { level: 1 }),
  deflate: deflateSync(spaces, { level: 1 }),
  br: brotliCompressSync(spaces, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
};

/** Codex repeats a 413 six times, so its dialect says it as a 400. */
const TOO_LARGE = {
  'openai-chat': [413, 'invalid_request_error'],
  'openai-responses': [400, 'invalid_request_error'],
  'anthropic-messages': [413, 'request_too_large'],
};

for (const name of DIALECTS) {
  const route = ROUTES[name];
  const tooLarge = TOO_LARGE[name];

  test.each(Object.entries(bombs))(`${name}: 20 MB in a %s body stop at the limit`, async (encoding, bytes) => {
    const { status, error } = await post(route, bytes, { 'content-encoding': encoding });
    expect([status, error.type, error.message]).toEqual([...tooLarge, 'body: is larger than MAX_BODY_SIZE allows']);
  });

  test(`${name}: a body too large by its own word is refused`, async () => {
    const { status, error } = await post(route, `"${'x'.repeat(2_000_000)}"`);
    expect([status, error.type]).toEqual(tooLarge);
  });

  test.each([
    [
      'an unknown packing',
      { 'content-encoding': 'snappy' },
      'body: unsupported content encoding "snappy"; gzip, deflate and br are read',
    ],
    [
      'a chain of packings',
      { 'content-encoding': 'gzip, gzip' },
      'body: unsupported content encoding "gzip, gzip"; gzip, deflate and br are read',
    ],
    ['another alphabet', { 'content-type': 'application/json; charset=utf-16' }, 'content-type: must be in UTF-8'],
    ['a form', { 'content-type': 'text/plain' }, 'content-type: must be application/json'],
  ])(`${name}: %s is a 415 in its words`, async (_, headers, message) => {
    const { status, error } = await post(route, JSON.stringify(question('hi')), headers);
    expect([status, error.type, error.message]).toEqual([415, 'invalid_request_error', message]);
  });

  test(`${name}: too deep a body is a 400 and no bug`, async () => {
    const { status, error } = await post(route, `{"model":"auto","messages":${nested(10_000)}}`);
    expect([status, error.message]).toEqual([400, 'body: is nested deeper than 500 levels']);
  });

  test(`${name}: half a character reaches Kiro as a replacement character`, async () => {
    const body = JSON.stringify(question('half \ud83d character'));
    expect((await post(route, body)).status).toBe(200);
    expect(JSON.stringify(gateway.asked().at(-1)?.body)).toContain('half \uFFFD character');
  });
}

for (const name of DIALECTS) {
  test.each([false, true])(
    `${name}: a call of 20,000 levels that Kiro writes is no bug, streamed: %s`,
    async (stream) => {
      const call = { toolUseId: 't', name: 'x' };
      const input = `{"a":${nested(20_000)}}`;
      const frames = [{ input }, { stop: true }].map((it) => ({ event: 'toolUseEvent', payload: { ...call, ...it } }));
      gateway.simulator.enqueue({ frames });
      const wide = name === 'openai-responses' ? {} : { max_tokens: 1_000_000 };
      const answer = await ask(gateway, ROUTES[name], { body: question('x', { stream, ...wide }) });
      // This form has the input as a value, which cannot be written.
      const isRefused = name === 'anthropic-messages' && !stream;
      const told = isRefused ? /too deeply nested to be sent in one piece/ : /\[{20000}\]{20000}/;
      expect([answer.status, answer.text.length]).toEqual([isRefused ? 502 : 200, expect.any(Number)]);
      expect(told.test(answer.text)).toBe(true);
    },
  );
}

test('a tool call of 20,000 levels is told to Kiro as the text it is', async () => {
  const call = { id: 'a', type: 'function', function: { name: 't', arguments: nested(20_000) } };
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'a', content: 'x' },
  ];
  expect((await post('/v1/chat/completions', JSON.stringify({ model: 'auto', messages }))).status).toBe(200);
  expect(JSON.stringify(gateway.asked().at(-1)?.body)).toContain(`{"unparsedInput":"${nested(20_000)}"}`);
});
