/** Counting tokens, models one by one and page by page, and the many paths that lead to the same route. */

import { Anthropic } from '@anthropic-ai/sdk';
import { afterAll, describe, expect, test } from '@jest/globals';
import { startGateway } from './support/gateway.js';
import { ask, question } from './support/http.js';
import { readMessagesStream } from './support/messages-automaton.js';
import { clientsOf } from './support/sdk.js';
import { percentage } from './support/turns.js';

const gateway = await startGateway();
const { openai, anthropic } = clientsOf(gateway);
afterAll(() => gateway.close());

const json = async (path: string, headers: Record<string, string> = {}) => {
  const { status, text } = await ask(gateway, path, { headers });
  return { status, body: JSON.parse(text) };
};

describe('counting', () => {
  const SYSTEM = 'Weigh your words. '.repeat(200);
  const params = { model: 'claude-sonnet-4.5', system: SYSTEM, messages: [{ role: 'user' as const, content: 'Go.' }] };

  test('gives the number that the turn begins with, but for the few characters of the account', async () => {
    const before = gateway.asked().length;
    const { input_tokens: counted } = await anthropic.messages.countTokens(params);
    expect(gateway.asked().length).toBe(before);
    const { text } = await ask(gateway, '/v1/messages', { body: { ...params, max_tokens: 9, stream: true } });
    const started = Number(/"input_tokens":(\d+)/.exec(text)?.[1]);
    expect([counted > 900, Math.abs(started - counted) < 40, readMessagesStream(text).pings]).toEqual([true, true, 0]);
  });

  test('counts the text of a document that a model without documents reads in the message', async () => {
    const source = { type: 'text', media_type: 'text/plain', data: 'Weigh your words. '.repeat(200) } as const;
    const messages = [{ role: 'user' as const, content: [{ type: 'document' as const, source }] }];
    const asked = { model: 'deepseek-3.2', messages };
    await anthropic.models.list();
    const { input_tokens: counted } = await anthropic.messages.countTokens(asked);
    const { text } = await ask(gateway, '/v1/messages', { body: { ...asked, max_tokens: 9, stream: true } });
    const started = Number(/"input_tokens":(\d+)/.exec(text)?.[1]);
    expect([counted > 900, Math.abs(started - counted) < 40]).toEqual([true, true]);
  });

  test('is told to clients of OpenAI in their form, with the same number', async () => {
    const { input_tokens: counted } = await anthropic.messages.countTokens(params);
    const { model, system: instructions } = params;
    expect(await openai.responses.inputTokens.count({ model, instructions, input: 'Go.' })).toEqual({
      object: 'response.input_tokens',
      input_tokens: counted,
    });
  });

  test('counts the search that the gateway runs', async () => {
    const tools = [{ type: 'web_search_20250305' as const, name: 'web_search' as const }];
    const { input_tokens: without } = await anthropic.messages.countTokens(params);
    const { input_tokens: counted } = await anthropic.messages.countTokens({ ...params, tools });
    expect(counted - without).toBeGreaterThan(20);
  });

  test('of auto is in the window of the model that Kiro has chosen', async () => {
    const chosen = { event: 'assistantResponseEvent', payload: { content: 'Hi', modelId: 'claude-sonnet-4.5' } };
    gateway.simulator.enqueue({ frames: [chosen, percentage(10)] });
    const { text } = await ask(gateway, '/v1/messages', { body: { ...params, model: 'auto', max_tokens: 9 } });
    expect(JSON.parse(text).usage.input_tokens).toBe(19_999);
  });

  test('accepts whatever a turn accepts', async () => {
    const content = [
      { type: 'thinking', thinking: 'Hm.', signature: 'x' },
      { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
      { type: 'hologram', text: 'shimmer' },
    ];
    const body = {
      model: 'nobody-knows-it',
      tools: [
        { type: 'web_search_20250305', name: 'web_search' },
        { type: 'bash_20250124', name: 'bash' },
      ],
      thinking: { type: 'enabled', budget_tokens: -1 },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'container_upload', file_id: 'f' }] },
        { role: 'assistant', content },
        { role: 'system', content: 'Now.' },
      ],
    };
    const { status, text } = await ask(gateway, '/v1/messages/count_tokens?beta=true', { body });
    expect([status, Object.keys(JSON.parse(text))]).toEqual([200, ['input_tokens']]);
  });

  test('complains as the turn would', async () => {
    const { status, text } = await ask(gateway, '/v1/messages/count_tokens', { body: { model: 'auto' } });
    expect([status, JSON.parse(text).error]).toEqual([
      400,
      { type: 'invalid_request_error', message: 'messages: is required and must be a list' },
    ]);
  });
});

describe('one model', () => {
  test('is found by its id and by the names that clients use', async () => {
    const ids = ['claude-sonnet-4.5', 'claude-sonnet-4-5-20250929', 'anthropic/claude-sonnet-4-5'];
    const found = await Promise.all(ids.map((id) => openai.models.retrieve(id)));
    const { body } = await json('/v1/models');
    const listed = body.data.find(({ id }: { id: string }) => id === 'claude-sonnet-4.5');
    expect(found.map((model) => ({ ...model }))).toEqual([listed, listed, listed]);
    expect((await anthropic.models.retrieve('claude-sonnet-4.5')).display_name).toBe(listed.display_name);
    expect((await json('/v1/models/anthropic/claude-sonnet-4.5')).body).toEqual(listed);
  });

  test('that Kiro does not list is a 404 with the nearest names', async () => {
    const { status, body } = await json('/v1/models/claude-sonnet-9');
    expect([status, body.error.code, body.error.param]).toEqual([404, 'model_not_found', 'model']);
    expect(body.error.message).toMatch(/claude-sonnet-9 is not known to Kiro.* Did you mean claude-sonnet-/);
    const failed = anthropic.models.retrieve('claude-sonnet-9');
    await expect(failed).rejects.toThrow(Anthropic.NotFoundError);
  });
});

describe('the list of models', () => {
  test('comes page by page, and the pages make up the whole', async () => {
    const all = (await json('/v1/models')).body;
    const paged: string[] = [];
    for await (const { id } of anthropic.models.list({ limit: 6 })) paged.push(id);
    expect(paged).toEqual(all.data.map(({ id }: { id: string }) => id));
  });

  test('says of a page where it begins and ends, and whether there is more', async () => {
    const { data } = (await json('/v1/models')).body;
    const ids: readonly string[] = data.map(({ id }: { id: string }) => id);
    const page = async (query: string) => {
      const { body } = await json(`/v1/models?${query}`);
      return [body.data.length, body.first_id, body.last_id, body.has_more];
    };
    expect(await page('limit=2')).toEqual([2, ids[0], ids[1], true]);
    expect(await page(`limit=2&after_id=${ids[1]}`)).toEqual([2, ids[2], ids[3], true]);
    expect(await page(`limit=2&before_id=${ids[4]}`)).toEqual([2, ids[2], ids[3], true]);
    expect(await page(`before_id=${ids[1]}`)).toEqual([1, ids[0], ids[0], false]);
    expect(await page(`limit=9&after_id=${ids[1]}&before_id=${ids[4]}`)).toEqual([2, ids[2], ids[3], false]);
    expect(await page('after_id=gone')).toEqual([0, null, null, false]);
    expect(await page('before_id=gone')).toEqual([0, null, null, false]);
    expect(await page('limit=1000')).toEqual([ids.length, ids[0], ids.at(-1), false]);
  });

  test('has nothing that Codex would have to know about the models, and so Codex reports no failure', async () => {
    const all = (await json('/v1/models')).body;
    expect((await json('/v1/models?client_version=0.169.0')).body).toEqual({ ...all, models: [] });
  });

  test.each(['0', 'x', '-1'])('has no page of %s models', async (limit) => {
    const { status, body } = await json(`/v1/models?limit=${limit}`);
    expect([status, body.error.message]).toEqual([400, 'limit: must be a whole number above 0']);
  });
});

test.each([
  '//v1/messages',
  '/messages',
  '/v1/v1/messages/',
  '/anthropic/v1/messages?beta=true',
  '/v1/chat/completions/',
  '/openai/chat/completions',
])('%s leads to its route', async (path) => {
  expect((await ask(gateway, path, { body: question('Go.') })).status).toBe(200);
});

test('a path that leads nowhere is told the routes', async () => {
  const { status, body } = await json('/v1/nowhere');
  expect([status, body.error.message]).toEqual([
    404,
    'There is no GET /v1/nowhere; the routes are GET /, GET /health, GET /v1/models, GET /v1/models/{id}, ' +
      'POST /v1/chat/completions, POST /v1/responses, POST /v1/responses/input_tokens, POST /v1/messages, POST /v1/messages/count_tokens.',
  ]);
});
