/** Writing OpenAI's chunks and completions: word for word, and as OpenAI's own SDK reads them. */

import { expect, test } from '@jest/globals';
import OpenAI from 'openai';
import type { Block } from '../../src/core/conversation.js';
import { GatewayError } from '../../src/core/errors.js';
import type { Completion, FinishReason } from '../../src/core/stream.js';
import { openaiChat } from '../../src/dialects/openai-chat.js';
import type { Reply } from '../../src/dialects/dialect.js';
import { answering, completionOf, eventsOf, read, reply, writeStream } from './support.js';

const REQUEST = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }] };
const client = (answer: string | object) => new OpenAI({ apiKey: 'k', maxRetries: 0, fetch: answering(answer) });

const stream = (completion: Completion) => writeStream(openaiChat, eventsOf(completion));

const CALL: Block = { type: 'tool-call', id: 'c1', name: 'look', input: '{"at":"ü"}' };
const BLOCKS: readonly Block[] = [
  { type: 'reasoning', text: 'Hm.', signature: 'c2ln' },
  { type: 'redacted-reasoning', data: 'ZGF0YQ==' },
  { type: 'text', text: 'a "b"\n' },
  CALL,
  { ...CALL, id: 'c2', input: '{}' },
];
const HEAD =
  'data: {"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1700000000,"model":"claude-sonnet-4.5",';
const delta = (json: string, finishReason = 'null') =>
  `${HEAD}"choices":[{"index":0,"delta":${json},"logprobs":null,"finish_reason":${finishReason}}]}`;
const USAGE =
  '"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,' +
  '"prompt_tokens_details":{"cached_tokens":30,"cache_write_tokens":0},"completion_tokens_details":{"reasoning_tokens":5}}';

const chunks = (written: string) => written.split('\n\n');

test('a turn is written chunk by chunk in the official shapes', () => {
  expect(chunks(stream(completionOf(BLOCKS, 'tool-calls')))).toEqual([
    delta('{"role":"assistant","content":""}'),
    delta('{"reasoning_content":"Hm."}'),
    delta('{"content":"a \\""}'),
    delta('{"content":"b\\"\\n"}'),
    delta('{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"look","arguments":""}}]}'),
    ...['{\\"a', 't\\":', '\\"ü\\"', '}'].map((json) =>
      delta(`{"tool_calls":[{"index":0,"function":{"arguments":"${json}"}}]}`),
    ),
    delta('{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"look","arguments":""}}]}'),
    delta('{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}'),
    delta('{}', '"tool_calls"'),
    `${HEAD}"choices":[],${USAGE}}`,
    'data: [DONE]',
    '',
  ]);
});

test('usage is told only to those who ask', () => {
  const events = eventsOf(completionOf([]));
  expect(chunks(writeStream(openaiChat, events, { ...reply, includeUsage: false }))).toEqual([
    delta('{"role":"assistant","content":""}'),
    delta('{}', '"stop"'),
    'data: [DONE]',
    '',
  ]);
});

const FUNCTION_CALL = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at":"ü"}' } };
test('a whole completion has every field of the official shape', () => {
  expect(openaiChat.writeResponse(completionOf(BLOCKS, 'tool-calls'), reply)).toEqual({
    id: 'chatcmpl-abc123',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'claude-sonnet-4.5',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'a "b"\n',
          refusal: null,
          reasoning_content: 'Hm.',
          tool_calls: [FUNCTION_CALL, { id: 'c2', type: 'function', function: { name: 'look', arguments: '{}' } }],
        },
        logprobs: null,
        finish_reason: 'tool_calls',
      },
    ],
    usage: {
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 120,
      prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 5 },
    },
  });
});

// Custom tools
const CUSTOM_TOOL = { type: 'custom' as const, custom: { name: 'patch' } };
const { replyContext } = read(openaiChat, { ...REQUEST, tools: [CUSTOM_TOOL] });
const toCustom: Reply = { ...reply, replyContext };
const PATCH: Block = { type: 'tool-call', id: 'c1', name: 'patch', input: '{"input":"a \\"b\\""}' };
const CUSTOM_CALL = { id: 'c1', type: 'custom', custom: { name: 'patch', input: 'a "b"' } };

test('a call of a custom tool is one, streamed or not, and comes back as the same block', async () => {
  const completion = completionOf([{ ...CALL, id: 'c0' }, PATCH], 'tool-calls');
  const params = { ...REQUEST, tools: [CUSTOM_TOOL] };
  const whole = await client(openaiChat.writeResponse(completion, toCustom)).chat.completions.create(params);
  const events = writeStream(openaiChat, eventsOf(completion), toCustom);
  const streamed = await client(events).chat.completions.stream(params).finalChatCompletion();
  const { message } = whole.choices[0] ?? {};
  expect(message?.tool_calls?.[1]).toEqual(CUSTOM_CALL);
  expect(streamed.choices[0]?.message.tool_calls?.[1]).toEqual(CUSTOM_CALL);
  const again = read(openaiChat, {
    ...params,
    messages: [{ role: 'assistant', tool_calls: [message?.tool_calls?.[1]] }],
  });
  expect(again.conversation.messages).toEqual([{ role: 'assistant', blocks: [PATCH] }]);
});

test('a client that offers functions alone gets one call, in the older form', () => {
  const functions = [{ name: 'look', parameters: { type: 'object' } }];
  const older = read(openaiChat, { ...REQUEST, functions });
  expect(older.conversation.parallelToolCalls).toBe(false);
  const to = { ...reply, includeUsage: false, replyContext: older.replyContext };
  const completion = completionOf([CALL, { ...CALL, id: 'c2' }], 'tool-calls');
  const function_call = { name: 'look', arguments: '{"at":"ü"}' };
  const message = { role: 'assistant', content: null, refusal: null, function_call };
  expect(openaiChat.writeResponse(completion, to)).toHaveProperty('choices', [
    { index: 0, message, logprobs: null, finish_reason: 'function_call' },
  ]);
  expect(chunks(writeStream(openaiChat, eventsOf(completion), to))).toEqual([
    delta('{"role":"assistant","content":""}'),
    delta('{"function_call":{"name":"look","arguments":""}}'),
    ...['{\\"a', 't\\":', '\\"ü\\"', '}'].map((json) => delta(`{"function_call":{"arguments":"${json}"}}`)),
    delta('{}', '"function_call"'),
    'data: [DONE]',
    '',
  ]);
});

const LOOK = { name: 'look' };

test('an empty list of tools beside functions is no offer', () => {
  const { replyContext: context } = read(openaiChat, { ...REQUEST, functions: [LOOK], tools: [] });
  expect(openaiChat.writeResponse(completionOf([CALL]), { ...reply, replyContext: context })).toMatchObject({
    choices: [{ message: { function_call: LOOK } }],
  });
});

test.each([
  ['functions beside tools', { functions: [LOOK], tools: [CUSTOM_TOOL] }],
  ['an empty list of functions', { functions: [] }],
])('a client that offers %s gets its calls in the newer form', (_, offer) => {
  const { replyContext: context } = read(openaiChat, { ...REQUEST, ...offer });
  expect(openaiChat.writeResponse(completionOf([CALL]), { ...reply, replyContext: context })).toMatchObject({
    choices: [{ message: { tool_calls: [{ id: 'c1' }] } }],
  });
});

test('what a model wrote besides the one text is told as it wrote, and a cut text is not told at all', () => {
  const odd = completionOf(
    [
      { ...PATCH, input: '{"text":"a"}' },
      { ...PATCH, input: '"a"' },
      { ...PATCH, input: '{"input":"a' },
    ],
    'length',
  );
  expect(openaiChat.writeResponse(odd, toCustom)).toMatchObject({
    choices: [
      {
        message: { tool_calls: [{ custom: { input: '{"text":"a"}' } }, { custom: { input: 'a' } }] },
        finish_reason: 'length',
      },
    ],
  });
  expect(chunks(writeStream(openaiChat, eventsOf(odd), toCustom)).filter((it) => it.includes('tool_calls'))).toEqual([
    delta(
      '{"tool_calls":[{"index":0,"id":"c1","type":"custom","custom":{"name":"patch","input":"{\\"text\\":\\"a\\"}"}}]}',
    ),
    delta('{"tool_calls":[{"index":1,"id":"c1","type":"custom","custom":{"name":"patch","input":"a"}}]}'),
  ]);
});

test('of an answer that is nothing but a cut custom call an empty text is left', () => {
  const cut = completionOf([{ ...PATCH, input: '{"input":"a' }], 'length');
  expect(openaiChat.writeResponse(cut, toCustom)).toMatchObject({
    choices: [{ message: { role: 'assistant', content: '', refusal: null }, finish_reason: 'length' }],
  });
  expect(openaiChat.writeResponse(cut, toCustom)).not.toHaveProperty('choices.0.message.tool_calls');
});

test('a whole body of the Responses API has its custom tools called in the words of chat', () => {
  const { replyContext: context } = read(openaiChat, {
    model: 'm',
    input: 'hi',
    tools: [{ type: 'custom', name: 'patch' }],
  });
  expect(openaiChat.writeResponse(completionOf([PATCH]), { ...reply, replyContext: context })).toMatchObject({
    choices: [{ message: { tool_calls: [CUSTOM_CALL] } }],
  });
});

const content = (title: string, blocks: readonly Block[], expected: string | null) =>
  test(title, () => {
    expect(openaiChat.writeResponse(completionOf(blocks), reply)).toMatchObject({
      choices: [{ message: { content: expected } }],
    });
  });
const A: Block = { type: 'text', text: 'a' };
content('content is null when there are calls only', [CALL], null);
content('an answer of nothing but reasoning is an empty text, because programs look into it', [BLOCKS[0] ?? CALL], '');
content('several texts are one', [A, CALL, A], 'aa');

/** OpenAI's SDK makes of the stream what it gets without streaming. */
const agrees = (title: string, completion: Completion) =>
  test(title, async () => {
    const streamed = await client(stream(completion)).chat.completions.stream(REQUEST).finalChatCompletion();
    const whole = await client(openaiChat.writeResponse(completion, reply)).chat.completions.create(REQUEST);
    expect(factsOf(streamed)).toEqual(factsOf(whole));
  });

/** A stream begins with the empty string where a whole answer has null: both mean that there is no text. */
function factsOf({ id, object, created, model, choices, usage }: OpenAI.ChatCompletion): object {
  const facts = choices.map(({ index, finish_reason, message }) => ({
    index,
    finish_reason,
    role: message.role,
    content: message.content || null,
    // Absent on either side means that there was none.
    ...('reasoning_content' in message && { reasoning: message.reasoning_content }),
    calls: message.tool_calls?.map((it) =>
      it.type === 'function' ? [it.id, it.function.name, it.function.arguments] : it,
    ),
  }));
  return { id, object, created, model, usage, choices: facts };
}

agrees('the SDK reads a text', completionOf([{ type: 'text', text: 'Hello 👋 world' }]));
agrees(
  'the SDK reads all kinds of blocks',
  completionOf([{ type: 'reasoning', text: 'Hm.', signature: '' }, ...BLOCKS.slice(1)], 'tool-calls'),
);
agrees('the SDK reads a call without input', completionOf([{ ...CALL, input: '{}' }], 'tool-calls'));
agrees('the SDK reads text after a call', completionOf([CALL, { type: 'text', text: 'done' }], 'tool-calls'));
agrees('the SDK reads an answer without blocks', completionOf([]));
agrees('the SDK reads a filtered answer', completionOf([], 'content-filter'));

const finishReason = (reason: FinishReason, expected: string) =>
  test(`${reason} is ${expected}`, () => {
    const completion = completionOf([], reason);
    expect([chunks(stream(completion))[1], openaiChat.writeResponse(completion, reply)]).toEqual([
      delta('{}', `"${expected}"`),
      expect.objectContaining({ choices: [expect.objectContaining({ finish_reason: expected })] }),
    ]);
  });
finishReason('stop', 'stop');
finishReason('length', 'length');
finishReason('context-full', 'length');
finishReason('tool-calls', 'tool_calls');
finishReason('stop-sequence', 'stop');
finishReason('content-filter', 'content_filter');

const growing = (completion: Completion) => chunks(stream(completion)).filter((it) => it.includes('{"arguments"'));
const cut = (title: string, input: string, deltas: readonly string[]) =>
  test(title, () => {
    const completion = completionOf([{ ...CALL, input }], 'length');
    expect([growing(completion), openaiChat.writeResponse(completion, reply)]).toEqual([
      deltas.map((it) => delta(`{"tool_calls":[{"index":0,"function":{"arguments":"${it}"}}]}`)),
      expect.objectContaining({
        choices: [
          expect.objectContaining({
            message: expect.objectContaining({
              tool_calls: [{ ...FUNCTION_CALL, function: { name: 'look', arguments: input } }],
            }),
            finish_reason: 'length',
          }),
        ],
      }),
    ]);
  });
cut('a cut call is forwarded byte for byte', '{"at', ['{\\"a', 't']);
cut('a call cut before its input is not made into an empty object', '', ['']);

test('an error ends the stream without [DONE], and the SDK throws its message', async () => {
  const error = new GatewayError('rate-limited', 'Too many requests.');
  const events = [
    ...eventsOf(completionOf([{ type: 'text', text: 'a' }])).slice(0, 3),
    { type: 'error', error } as const,
  ];
  const written = writeStream(openaiChat, events);
  expect(chunks(written).slice(-2)).toEqual([
    'data: {"error":{"message":"Too many requests.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}',
    '',
  ]);
  await expect(client(written).chat.completions.stream(REQUEST).finalChatCompletion()).rejects.toThrow(
    'Too many requests.',
  );
});

test('keep-alives may stand between all chunks', async () => {
  const kept = stream(completionOf([{ type: 'text', text: 'Hello' }])).replaceAll(
    'data: ',
    `${openaiChat.keepAlive}data: `,
  );
  const completion = await client(kept).chat.completions.stream(REQUEST).finalChatCompletion();
  expect(completion.choices[0]?.message.content).toBe('Hello');
});
