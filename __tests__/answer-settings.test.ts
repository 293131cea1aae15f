/** How answers are read, on the running gateway: reasoning in tags, calls in words, calls that were cut off. */

import { afterEach, expect, test } from '@jest/globals';

import { SCENE_TEXT, THOUGHT } from '../src/simulator/scenarios.js';
import { GATEWAY_KEY, startGateway, type RunningGateway } from './support/gateway.js';
import { call, say, stopFor } from './support/turns.js';

const running: RunningGateway[] = [];
afterEach(async () => {
  for (const it of running.splice(0)) await it.close();
});

async function gatewayWith(env: Readonly<Record<string, string>>, scenario?: string): Promise<RunningGateway> {
  const gateway = await startGateway({ env, ...(scenario !== undefined && { scenario }) });
  running.push(gateway);
  return gateway;
}

type Json = Readonly<Record<string, unknown>>;

async function post(gateway: RunningGateway, path: string, body: object): Promise<Json> {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${GATEWAY_KEY}` },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Json; // what a vendor's client would read
}

const HI = [{ role: 'user', content: 'hi' }];

/** What the model says to a client of Chat Completions: its reasoning and its text. */
async function chat(gateway: RunningGateway, more: object = {}): Promise<unknown> {
  const answer = await post(gateway, '/v1/chat/completions', { model: 'claude-sonnet-4.5', messages: HI, ...more });
  const [choice] = answer['choices'] as readonly { message: { reasoning_content?: string; content: string } }[];
  return [choice?.message.reasoning_content, choice?.message.content];
}

async function messages(gateway: RunningGateway, more: object = {}): Promise<Json> {
  return post(gateway, '/v1/messages', { model: 'claude-sonnet-4.5', max_tokens: 9999, messages: HI, ...more });
}

/** What Kiro was told of tags in the last request. */
function lengthAskedFor(gateway: RunningGateway): string | undefined {
  return /<max_thinking_length>(\d+)</.exec(JSON.stringify(gateway.asked().at(-1)?.body))?.[1];
}

const TAGGED = `<thinking>${THOUGHT}</thinking>\n\n${SCENE_TEXT}`;

// --- tags

test.each([
  ['as_reasoning_content', [THOUGHT, SCENE_TEXT]],
  ['remove', [undefined, SCENE_TEXT]],
  ['pass', [undefined, TAGGED]],
  ['strip_tags', [undefined, `${THOUGHT}\n\n${SCENE_TEXT}`]],
])('FAKE_REASONING_HANDLING=%s decides what becomes of reasoning in tags', async (handling, expected) => {
  const gateway = await gatewayWith({ FAKE_REASONING_HANDLING: handling }, 'reasoning-tags');
  expect(await chat(gateway, { reasoning_effort: 'high' })).toEqual(expected);
  // What nobody asked for is left as it is.
  expect(await chat(gateway)).toEqual([undefined, TAGGED]);
});

test('FAKE_REASONING decides who is asked to reason in tags', async () => {
  const hasItsOwn = { model: 'claude-opus-4.8', reasoning_effort: 'high' };
  const wishes = [{ reasoning_effort: 'high' }, {}, { reasoning_effort: 'none' }, hasItsOwn];
  const told: unknown[] = [];
  for (const when of ['true', 'always', 'false']) {
    const gateway = await gatewayWith({ FAKE_REASONING: when });
    const lengths: unknown[] = [];
    for (const wish of wishes) {
      await chat(gateway, wish);
      lengths.push(lengthAskedFor(gateway));
    }
    told.push([when, ...lengths]);
  }
  expect(told).toEqual([
    ['true', '4000', undefined, undefined, undefined],
    ['always', '4000', '4000', undefined, undefined],
    ['false', undefined, undefined, undefined, undefined],
  ]);
});

test('FAKE_REASONING_MAX_TOKENS is how long, unless the client names a budget', async () => {
  const gateway = await gatewayWith({ FAKE_REASONING_MAX_TOKENS: '777' });
  const told: unknown[] = [];
  for (const thinking of [{ type: 'adaptive' }, { type: 'enabled', budget_tokens: 2048 }, { type: 'disabled' }]) {
    const { content } = await messages(gateway, { thinking });
    told.push([lengthAskedFor(gateway), (content as readonly { type: string }[]).map(({ type }) => type)]);
  }
  expect(told).toEqual([
    ['777', ['thinking', 'text']],
    ['2048', ['thinking', 'text']],
    [undefined, ['text']],
  ]);
});

test('reasoning in tags does not go back to Kiro', async () => {
  const gateway = await gatewayWith({});
  const thinking = { type: 'adaptive' };
  const { content } = await messages(gateway, { thinking });
  await messages(gateway, { thinking, messages: [...HI, { role: 'assistant', content }, ...HI] });
  const { body, violation } = gateway.asked().at(-1) ?? {};
  expect([violation, JSON.stringify(body)]).toEqual([undefined, expect.not.stringContaining('reasoningContent')]);
  expect(JSON.stringify(body)).not.toContain('The user wrote');
});

test('thinking that comes although it was disabled is not shown, and is counted', async () => {
  const gateway = await gatewayWith({}, 'reasoning-signed');
  const shown = await messages(gateway, { model: 'claude-opus-4.8', thinking: { type: 'adaptive' } });
  const hidden = await messages(gateway, { model: 'claude-opus-4.8', thinking: { type: 'disabled' } });
  expect(hidden['content']).toEqual([{ type: 'text', text: SCENE_TEXT }]);
  expect(hidden['usage']).toMatchObject({ output_tokens: (shown['usage'] as Json)['output_tokens'] });
});

test.each([
  "Invalid additionalModelRequestFields: property 'thinking' is not defined in the schema",
  'thinking is not defined in the schema',
])('fields that Kiro refuses are left out in one more request, and tags take their place: %s', async (message) => {
  const gateway = await gatewayWith({});
  const refuse = (reason: string | null) => ({ status: 400, body: { __type: 'ValidationException', message, reason } });
  gateway.simulator.enqueue(refuse(null));
  const { content } = await messages(gateway, { model: 'claude-opus-4.8', thinking: { type: 'adaptive' } });
  expect((content as readonly { type: string }[]).map(({ type }) => type)).toEqual(['thinking', 'text']);
  const fields = gateway.asked().map(({ body }) => (body as Json)['additionalModelRequestFields'] !== undefined);
  expect([fields, lengthAskedFor(gateway)]).toEqual([[true, false], '4000']);
  gateway.simulator.enqueue(refuse('REQUEST_BODY_INVALID'), refuse('REQUEST_BODY_INVALID'));
  const { error } = await messages(gateway, { model: 'claude-opus-4.8', thinking: { type: 'adaptive' } });
  expect([error, gateway.asked().length]).toEqual([expect.objectContaining({ type: 'invalid_request_error' }), 4]);
  // What was not sent cannot be what Kiro refused.
  gateway.simulator.enqueue(refuse(null));
  const { error: other } = await messages(gateway, { model: 'claude-sonnet-4.5' });
  expect([other, gateway.asked().length]).toEqual([expect.objectContaining({ type: 'invalid_request_error' }), 5]);
});

// --- calls in words

const TOOLS = [{ name: 'look', description: 'Looks.', input_schema: { type: 'object', properties: {} } }];

test('TEXT_TOOL_CALLS takes calls in words for calls, and their results find them', async () => {
  const answers: unknown[] = [];
  for (const on of ['true', 'false']) {
    const gateway = await gatewayWith({ TEXT_TOOL_CALLS: on });
    gateway.simulator.enqueue({
      frames: [say('Well. [Called look with '), say('args: {"at":1}]\n'), stopFor('END_TURN')],
    });
    const { content, stop_reason } = await messages(gateway, { tools: TOOLS });
    answers.push([content, stop_reason]);
    const [, use] = content as readonly { id: string }[];
    if (use === undefined) continue;
    const result = { type: 'tool_result', tool_use_id: use.id, content: 'Dark.' };
    const history = [...HI, { role: 'assistant', content }, { role: 'user', content: [result] }];
    await messages(gateway, { tools: TOOLS, messages: history });
    expect(gateway.asked().map(({ violation }) => violation)).toEqual([undefined, undefined]);
    expect(JSON.stringify(gateway.asked().at(-1)?.body)).toContain(
      `"toolUseId":"${use.id}","content":[{"text":"Dark."}]`,
    );
  }
  const text = (it: string) => ({ type: 'text', text: it });
  expect(answers).toEqual([
    [[text('Well. '), expect.objectContaining({ type: 'tool_use', name: 'look', input: { at: 1 } })], 'tool_use'],
    [[text('Well. [Called look with args: {"at":1}]\n')], 'end_turn'],
  ]);
});

// --- calls that were cut off

test('TRUNCATION_RECOVERY tells the model of its cut call in every request that has the result', async () => {
  const told: unknown[] = [];
  for (const on of ['true', 'false']) {
    const gateway = await gatewayWith({ TRUNCATION_RECOVERY: on });
    const cut = [
      call('t1', { name: 'look' }),
      call('t1', { name: 'look', input: '{"text":"It was' }),
      stopFor('MAX_TOKENS'),
    ];
    gateway.simulator.enqueue({ frames: cut });
    expect(await messages(gateway, { tools: TOOLS })).toMatchObject({ content: [], stop_reason: 'max_tokens' });
    // As clients send it that cannot keep half an input.
    const use = { type: 'tool_use', id: 't1', name: 'look', input: {} };
    const result = { type: 'tool_result', tool_use_id: 't1', content: 'text is required', is_error: true };
    const history = [...HI, { role: 'assistant', content: [use] }, { role: 'user', content: [result] }];
    for (const more of [[], [{ role: 'assistant', content: 'I see.' }, ...HI]]) {
      await messages(gateway, { tools: TOOLS, messages: [...history, ...more] });
      const { body, violation } = gateway.asked().at(-1) ?? {};
      const content = /"toolUseId":"t1","content":(\[.*?\]),"status":"error"/.exec(JSON.stringify(body))?.[1] ?? '[]';
      told.push([violation, ...(JSON.parse(content) as readonly { text: string }[]).map(({ text }) => text)]);
    }
  }
  const notice: unknown = expect.stringMatching(/^\[Notice of the gateway: the output limit cut this tool call off/);
  expect(told).toEqual([
    ...[1, 2].map(() => [undefined, notice, 'text is required']),
    ...[1, 2].map(() => [undefined, 'text is required']),
  ]);
});
