/** REMOTE_IMAGES on the running gateway: what Kiro is sent and the client is told, in all three dialects. */

import { afterAll, expect, test } from '@jest/globals';

import { startGateway } from './support/gateway.js';
import { ask } from './support/http.js';
import { PNG, png, send, startWeb, to } from './support/web.js';

const internet = await startWeb(
  {
    '/a.png': send('image/png', png),
    '/b.pdf?page=1': send('application/pdf', '%PDF-1.7 hello'),
    '/to-private': to('https://private.test/secret'),
  },
  { 'private.test': ['10.0.0.1'] },
);
const { origin, asked } = internet;
const gateway = await startGateway({ env: { REMOTE_IMAGES: 'true' }, web: internet.web });
const careful = await startGateway({ web: internet.web });
afterAll(async () => {
  await gateway.close();
  await careful.close();
  internet.close();
});

const REQUESTS = [
  ['/v1/chat/completions', 'messages', (url: string) => ({ type: 'image_url', image_url: { url } })],
  ['/v1/messages', 'messages', (url: string) => ({ type: 'image', source: { type: 'url', url } })],
  ['/v1/responses', 'input', (url: string) => ({ type: 'input_image', image_url: url })],
] as const;

const bodyFor = (key: string, part: object) => {
  return { model: 'claude-sonnet-4.5', max_tokens: 99, [key]: [{ role: 'user', content: [part] }] };
};
const userMessage = (it: typeof gateway) => JSON.stringify(it.asked().at(-1)?.body);

test.each(REQUESTS)('%s sends the image along when REMOTE_IMAGES is true', async (path, key, partFor) => {
  const answer = await ask(gateway, path, { body: bodyFor(key, partFor(`${origin}/a.png`)) });
  expect([answer.status, answer.headers['x-kiro-gateway-notice']]).toEqual([200, undefined]);
  expect(userMessage(gateway)).toContain(`"images":[{"format":"png","source":{"bytes":"${PNG}"}}]`);
});

test.each(REQUESTS)('%s answers and tells when the URL cannot be fetched', async (path, key, partFor) => {
  const answer = await ask(gateway, path, { body: bodyFor(key, partFor(`${origin}/to-private`)) });
  expect([answer.status, answer.headers['x-kiro-gateway-notice']]).toEqual([200, 'images-left-out=url']);
  expect(userMessage(gateway)).toContain(
    `[image left out: ${origin}/to-private, its host is not on the public internet]`,
  );
});

test.each(REQUESTS)('%s fetches nothing by default', async (path, key, partFor) => {
  const before = asked.length;
  const answer = await ask(careful, path, { body: bodyFor(key, partFor(`${origin}/a.png`)) });
  expect([answer.status, answer.headers['x-kiro-gateway-notice']]).toEqual([200, 'images-left-out=url']);
  expect(userMessage(careful)).toContain(`[image left out: ${origin}/a.png]`);
  expect(asked.length - before).toBe(0);
});

test('documents by URL travel with the name that the client gave', async () => {
  const part = { type: 'input_file', filename: 'plan.pdf', file_url: `${origin}/b.pdf?page=1` };
  await ask(gateway, '/v1/responses', { body: bodyFor('input', part) });
  expect(userMessage(gateway)).toContain('"documents":[{"name":"plan-pdf","format":"pdf"');
});

test('an image within a tool result is fetched as well', async () => {
  const source = { type: 'url', url: `${origin}/a.png` };
  const messages = [
    { role: 'user', content: 'Look.' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'see', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'image', source }] }] },
  ];
  const tools = [{ name: 'see', input_schema: { type: 'object', properties: {} } }];
  await ask(gateway, '/v1/messages', { body: { model: 'claude-sonnet-4.5', max_tokens: 99, messages, tools } });
  expect(userMessage(gateway)).toContain(`"bytes":"${PNG}"`);
});
