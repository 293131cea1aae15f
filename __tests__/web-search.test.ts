/** A search of the web over real sockets: what the clients of both vendors see, and what Kiro is asked. */

import { afterAll, afterEach, expect, test } from '@jest/globals';
import { startGateway } from './support/gateway.js';
import { readChatStream } from './support/chat-automaton.js';
import { ask } from './support/http.js';
import { readMessagesStream } from './support/messages-automaton.js';
import { readResponsesStream } from './support/responses-automaton.js';
import { clientsOf } from './support/sdk.js';
import type { Json } from './support/sse.js';
import { call, metering, say } from './support/turns.js';

const gateway = await startGateway();
const without = await startGateway({ env: { WEB_SEARCH: 'false' } });
afterEach(() => {
  gateway.simulator.reset();
  without.simulator.reset();
});
afterAll(async () => {
  await gateway.close();
  await without.close();
});

const SEARCH = call('tooluse_1', { name: 'web_search', input: '{"query":"cats"}', stop: true });
const TURNS = [{ frames: [say('I look.'), SEARCH, metering(0.5)] }, { frames: [say('Cats purr.'), metering(0.25)] }];
const CLAUDE = {
  model: 'claude-sonnet-4.5',
  max_tokens: 1000,
  messages: [{ role: 'user' as const, content: 'What is new about cats?' }],
  tools: [{ type: 'web_search_20250305' as const, name: 'web_search' as const, max_uses: 3 }],
};
const RESULTS = ['An overview: cats', 'The latest: cats', 'A practical guide: cats'].map((title, index) => ({
  type: 'web_search_result',
  title,
  url: `https://${['encyclopedia', 'news', 'guide'][index]}.example/cats`,
  encrypted_content: `kiro-gateway:${
    ['What is generally known about cats.', 'This week brought news about cats.', 'Step by step to cats.'][index]
  }`,
  page_age: ['2026-09-01', '2026-08-31', '2026-08-30'][index],
}));
const DIRECT = { type: 'direct' };
const CONTENT = [
  { type: 'text', text: 'I look.' },
  { type: 'server_tool_use', id: 'srvtoolu_tooluse_1', name: 'web_search', input: { query: 'cats' }, caller: DIRECT },
  { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_tooluse_1', content: RESULTS, caller: DIRECT },
  { type: 'text', text: 'Cats purr.' },
];

const searches = (it: typeof gateway) => it.simulator.requests.filter(({ path }) => path === '/mcp');

test('Anthropic’s client sees the search, its results and the answer; whole, streamed and with the SDK alike', async () => {
  gateway.simulator.enqueue(...TURNS, ...TURNS, ...TURNS);
  const whole = JSON.parse((await ask(gateway, '/v1/messages', { body: CLAUDE })).text) as Json;
  const streamed = readMessagesStream((await ask(gateway, '/v1/messages', { body: { ...CLAUDE, stream: true } })).text);
  const seen = await clientsOf(gateway).anthropic.messages.stream(CLAUDE).finalMessage();
  const usage = { server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 } };
  for (const message of [whole, streamed.message, seen]) {
    expect(message).toMatchObject({ content: CONTENT, stop_reason: 'end_turn', usage });
  }
  // The SDK adds up only the fields it knows.
  for (const message of [whole, streamed.message]) expect(message).toMatchObject({ usage: { kiro_credits: 0.75 } });
  expect([searches(gateway).length, gateway.asked().length, gateway.asked().map(({ violation }) => violation)]).toEqual(
    [3, 6, Array(6).fill(undefined)],
  );
  expect(searches(gateway)[0]).toMatchObject({
    method: 'POST',
    body: { jsonrpc: '2.0', method: 'tools/call', params: { name: 'web_search', arguments: { query: 'cats' } } },
  });
});

test('the search comes back in words with the next request', async () => {
  const messages = [...CLAUDE.messages, { role: 'assistant', content: CONTENT }, { role: 'user', content: 'More.' }];
  await ask(gateway, '/v1/messages', { body: { ...CLAUDE, messages } });
  const body = gateway.asked()[0]?.body as { conversationState: { history: readonly object[] } };
  expect(body.conversationState.history.at(-1)).toMatchObject({
    assistantResponseMessage: {
      content:
        'I look.\n\n[A web search for "cats" found:]\n' +
        '1. An overview: cats (2026-09-01)\n   https://encyclopedia.example/cats\n   What is generally known about cats.\n' +
        '2. The latest: cats (2026-08-31)\n   https://news.example/cats\n   This week brought news about cats.\n' +
        '3. A practical guide: cats (2026-08-30)\n   https://guide.example/cats\n   Step by step to cats.\n\nCats purr.',
    },
  });
});

test('a Responses client sees a web_search_call with its sources, whole, streamed and with the SDK alike', async () => {
  gateway.simulator.enqueue(...TURNS, ...TURNS, ...TURNS);
  const body = { model: 'auto', input: 'What is new about cats?', tools: [{ type: 'web_search' as const }] };
  const whole = JSON.parse((await ask(gateway, '/v1/responses', { body })).text) as Json;
  const streamed = readResponsesStream((await ask(gateway, '/v1/responses', { body: { ...body, stream: true } })).text);
  const seen = await clientsOf(gateway).openai.responses.stream(body).finalResponse();
  for (const response of [whole, streamed.response, seen]) {
    expect(response).toMatchObject({
      status: 'completed',
      output: [
        { type: 'message', content: [{ text: 'I look.' }] },
        {
          type: 'web_search_call',
          status: 'completed',
          action: { type: 'search', query: 'cats', sources: RESULTS.map(({ url }) => ({ type: 'url', url })) },
        },
        { type: 'message', content: [{ text: 'Cats purr.' }] },
      ],
    });
  }
});

test('a chat client sees what was said before and after the search, as paragraphs', async () => {
  gateway.simulator.enqueue(...TURNS, ...TURNS);
  const body = { ...CLAUDE, tools: [{ type: 'web_search' }] };
  const whole = JSON.parse((await ask(gateway, '/v1/chat/completions', { body })).text) as Json;
  const streamed = readChatStream(
    (await ask(gateway, '/v1/chat/completions', { body: { ...body, stream: true } })).text,
  );
  expect(whole).toMatchObject({ choices: [{ message: { content: 'I look.\n\nCats purr.' }, finish_reason: 'stop' }] });
  expect(streamed.completion).toMatchObject({ choices: whole['choices'] });
  expect(searches(gateway)).toHaveLength(2);
});

test('WEB_SEARCH=false leaves the tool out, with a notice', async () => {
  const { headers } = await ask(without, '/v1/messages', { body: CLAUDE });
  expect([headers['x-kiro-gateway-notice'], without.asked().length, searches(without)]).toEqual([
    'tools-left-out=web_search_20250305',
    1,
    [],
  ]);
  expect(JSON.stringify(without.asked()[0]?.body)).not.toContain('web_search');
});

test('a search that Kiro refuses is the model’s to tell', async () => {
  gateway.simulator.enqueue(
    { frames: [call('tooluse_1', { name: 'web_search', input: '{"query":"  "}', stop: true })] },
    { frames: [say('I could not search.')] },
  );
  const { content, usage } = JSON.parse((await ask(gateway, '/v1/messages', { body: CLAUDE })).text) as Json;
  // Anthropic does not charge for a search that fails.
  expect(usage).toMatchObject({ server_tool_use: null });
  expect(content).toEqual([
    { type: 'server_tool_use', id: 'srvtoolu_tooluse_1', name: 'web_search', input: { query: '  ' }, caller: DIRECT },
    {
      type: 'web_search_tool_result',
      tool_use_id: 'srvtoolu_tooluse_1',
      content: { type: 'web_search_tool_result_error', error_code: 'invalid_tool_input' },
      caller: DIRECT,
    },
    { type: 'text', text: 'I could not search.' },
  ]);
});
