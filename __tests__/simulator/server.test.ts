/** The server around the answers: scripted replies, the log, leaving clients and a clean end. */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { encodeEvent } from '../../src/simulator/frames.js';
import { startSimulator } from '../../src/simulator/server.js';
import { ask, body, decode, post, signIn, simulate, tell, until } from './support.js';

const LINE = { event: 'assistantResponseEvent', payload: { content: 'scripted' } };
const SAID = { name: 'assistantResponseEvent', payload: { content: 'scripted' } };

test('scripted replies come first, in their order, and then the scenario', async () => {
  const simulator = await simulate({ scenario: 'empty' });
  simulator.enqueue(
    { status: 418, headers: { 'retry-after': '7' }, body: { message: 'tea' } },
    { status: 500, body: 'oops' },
  );
  simulator.enqueue({ frames: [LINE, encodeEvent('assistantResponseEvent', { content: 'scripted' })], delayMs: 1 });
  const [first, second] = [await ask(simulator, body('Hi')), await ask(simulator, body('Hi'))];
  expect([first.status, first.headers.get('retry-after'), await first.json()]).toEqual([418, '7', { message: 'tea' }]);
  expect([second.status, await second.text()]).toEqual([500, 'oops']);
  expect(await tell(simulator, body('Hi'))).toEqual([SAID, SAID]);
  expect(await tell(simulator, body('Hi'))).toEqual([]);
});

test.each<[number[] | undefined]>([[[Infinity]], [undefined], [[1, 2, 3]]])(
  'frames cut as %j are the same frames',
  async (chunking) => {
    const simulator = await simulate();
    simulator.enqueue({ frames: [LINE, LINE, LINE], ...(chunking && { chunking }) });
    expect(await tell(simulator, body('Hi'))).toEqual([SAID, SAID, SAID]);
  },
);

test('a reply can destroy the connection before a byte, or after its frames', async () => {
  const simulator = await simulate();
  simulator.enqueue({ destroy: true }, { frames: [LINE], thenDestroy: true });
  await expect(ask(simulator, body('Hi'))).rejects.toThrow();
  const answer = await ask(simulator, body('Hi'));
  let received = Buffer.alloc(0);
  const reading = (async () => {
    for await (const chunk of answer.body ?? []) received = Buffer.concat([received, chunk]);
  })();
  await expect(reading).rejects.toThrow();
  expect(await decode(received)).toEqual([SAID]);
  expect(simulator.requests.map(({ aborted }) => aborted)).not.toContain(true);
});

test('both bindings of the chat answer, the JSON one with an initial response', async () => {
  const simulator = await simulate();
  const authorization = `Bearer ${await signIn(simulator)}`;
  const headers = {
    authorization,
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': 'AmazonCodeWhispererStreamingService.GenerateAssistantResponse',
  };
  const answer = await post(`${simulator.url}/`, body('Hi'), headers);
  expect(answer.headers.get('content-type')).toBe('application/vnd.amazon.eventstream');
  expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
  expect(answer.headers.get('x-amzn-codewhisperer-conversation-id')).toBe('c-1');
  const lines = await decode(new Uint8Array(await answer.arrayBuffer()));
  expect(lines[0]).toEqual({ name: 'initial-response', payload: { conversationId: '' } });
  const wrongType = { ...headers, 'content-type': 'application/json' };
  expect((await post(`${simulator.url}/`, body('Hi'), wrongType)).status).toBe(415);
});

test('a body that is no JSON, and a rule that is broken, are refused and explained in the log', async () => {
  const simulator = await simulate();
  const authorization = `Bearer ${await signIn(simulator)}`;
  const answer = await post(`${simulator.url}/generateAssistantResponse`, '{"half', { authorization });
  expect([answer.status, await answer.json()]).toEqual([
    400,
    { message: 'Improperly formed request.', reason: 'REQUEST_BODY_INVALID_JSON' },
  ]);
  const refused = await ask(simulator, body(''));
  expect(refused.headers.get('x-amzn-errortype')).toBe('ValidationException');
  expect(refused.headers.get('x-simulator-detail')).toBe('currentMessage has no content');
  expect(simulator.requests.at(-1)).toMatchObject({ violation: 'currentMessage has no content' });
});

test('the log keeps method, path, headers and the parsed body, up to its limit', async () => {
  const simulator = await simulate({ keepRequests: 2 });
  for (const number of [1, 2, 3])
    await post(`${simulator.url}/nowhere?n=${number}`, { number }, { 'X-Number': String(number) });
  expect(simulator.requests).toEqual(
    [2, 3].map((number) => ({
      method: 'POST',
      path: `/nowhere?n=${number}`,
      headers: expect.objectContaining({ 'x-number': String(number) }),
      body: { number },
      aborted: false,
    })),
  );
  simulator.enqueue({ destroy: true });
  simulator.reset();
  expect(simulator.requests).toEqual([]);
  expect((await ask(simulator, body('Hi'))).status).toBe(200);
});

test('a client that leaves in the middle of an answer is noted, and its answer stops', async () => {
  const simulator = await simulate({ pace: 'human' });
  const leaving = new AbortController();
  const answer = await ask(simulator, body('[[scenario:long]]'), leaving.signal);
  await answer.body?.getReader().read();
  leaving.abort();
  await until(() => simulator.requests.at(-1)?.aborted === true);
});

test('a client that leaves before the first byte is noted', async () => {
  const simulator = await simulate({ pace: 'human' });
  const leaving = new AbortController();
  const answer = ask(simulator, body('[[scenario:slow-first-byte]]'), leaving.signal);
  await until(() => simulator.requests.at(-1)?.path === '/generateAssistantResponse');
  leaving.abort();
  await expect(answer).rejects.toThrow();
  await until(() => simulator.requests.at(-1)?.aborted === true);
});

test('a client that reads slowly gets every byte', async () => {
  const simulator = await simulate();
  const content = 'x'.repeat(100_000);
  const frames = Array.from({ length: 100 }, () => ({ event: 'assistantResponseEvent', payload: { content } }));
  simulator.enqueue({ frames });
  const answer = await ask(simulator, body('Hi'));
  const hash = createHash('sha1');
  for await (const chunk of answer.body ?? []) {
    hash.update(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const expected = createHash('sha1');
  for (const { event, payload } of frames) expected.update(encodeEvent(event, payload));
  expect(hash.digest('hex')).toBe(expected.digest('hex'));
});

test('a body over 64 MB is refused', async () => {
  const { url } = await simulate();
  const answer = await post(`${url}/refreshToken`, 'x'.repeat(65 * 1024 * 1024));
  expect(answer.status).toBe(413);
});

test('a half-sent request leaves no trace but its entry', async () => {
  const simulator = await simulate();
  const socket = connect(Number(new URL(simulator.url).port), '127.0.0.1');
  socket.write('POST /refreshToken HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"half');
  await until(() => simulator.requests.length === 1);
  socket.destroy();
  await until(() => simulator.requests.at(0)?.aborted === true);
  expect((await post(`${simulator.url}/refreshToken`, { refreshToken: 'reusable' })).status).toBe(200);
});

test('a Host header that is no host breaks nothing', async () => {
  const { url } = await simulate();
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.end('GET /device HTTP/1.1\r\nhost: [\r\nconnection: close\r\n\r\n');
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test('closing ends open streams, and closing twice is no mistake', async () => {
  const simulator = await simulate();
  const answer = await ask(simulator, body('[[scenario:stall]]'));
  await simulator.close();
  await simulator.close();
  await expect(answer.arrayBuffer()).rejects.toThrow();
});

test('a port that is taken cannot be listened on', async () => {
  const { url } = await simulate();
  await expect(startSimulator({ port: Number(new URL(url).port) })).rejects.toThrow('EADDRINUSE');
});
