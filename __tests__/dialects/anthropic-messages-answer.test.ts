/** Writing Anthropic's events and messages: word for word, and as Anthropic's own SDK reads them. */

import Anthropic from '@anthropic-ai/sdk';
import { expect, test } from '@jest/globals';
import type { Block } from '../../src/core/conversation.js';
import { GatewayError } from '../../src/core/errors.js';
import type { Completion, FinishReason } from '../../src/core/stream.js';
import { anthropicMessages } from '../../src/dialects/anthropic-messages.js';
import { answering, completionOf, eventsOf, reply, usage, writeStream } from './support.js';

const REQUEST = { model: 'm', max_tokens: 1, messages: [{ role: 'user' as const, content: 'hi' }] };
const client = (answer: string | object) => new Anthropic({ apiKey: 'k', maxRetries: 0, fetch: answering(answer) });

const stream = (completion: Completion) => writeStream(anthropicMessages, eventsOf(completion));
const lines = (written: string) => written.split('\n');

const CALL: Block = { type: 'tool-call', id: 't1', name: 'look', input: '{"at":"ü"}' };
const BLOCKS: readonly Block[] = [
  { type: 'reasoning', text: 'Hm.', signature: 'c2ln' },
  { type: 'redacted-reasoning', data: 'ZGF0YQ==' },
  { type: 'text', text: 'a "b"\n' },
  CALL,
];

test('a turn is written event by event in the official shapes', () => {
  expect(lines(stream(completionOf(BLOCKS, 'tool-calls')))).toEqual([
    'event: message_start',
    'data: {"type":"message_start","message":{"id":"msg_abc123","type":"message","role":"assistant",' +
      '"model":"claude-sonnet-4.5","stop_sequence":null,"stop_details":null,"container":null,"diagnostics":null,' +
      '"content":[],"stop_reason":null,"usage":{"input_tokens":90,"output_tokens":0,"cache_creation_input_tokens":0,' +
      '"cache_read_input_tokens":0,"output_tokens_details":{"thinking_tokens":0},"server_tool_use":null,' +
      '"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"service_tier":"standard",' +
      '"inference_geo":null,"speed":null}}}',
    '',
    'event: content_block_start',
    'data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}',
    '',
    'event: content_block_delta',
    'data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm."}}',
    '',
    'event: content_block_delta',
    'data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}',
    '',
    'event: content_block_stop',
    'data: {"type":"content_block_stop","index":0}',
    '',
    'event: content_block_start',
    'data: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"ZGF0YQ=="}}',
    '',
    'event: content_block_stop',
    'data: {"type":"content_block_stop","index":1}',
    '',
    'event: content_block_start',
    'data: {"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}',
    '',
    'event: content_block_delta',
    'data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"a \\""}}',
    '',
    'event: content_block_delta',
    'data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"b\\"\\n"}}',
    '',
    'event: content_block_stop',
    'data: {"type":"content_block_stop","index":2}',
    '',
    'event: content_block_start',
    'data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t1","name":"look","input":{},' +
      '"caller":{"type":"direct"}}}',
    '',
    ...['{\\"a', 't\\":', '\\"ü\\"', '}'].flatMap((json) => [
      'event: content_block_delta',
      `data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"${json}"}}`,
      '',
    ]),
    'event: content_block_stop',
    'data: {"type":"content_block_stop","index":3}',
    '',
    'event: message_delta',
    'data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"stop_details":null,' +
      '"container":null},"usage":{"input_tokens":70,"output_tokens":20,"cache_creation_input_tokens":0,' +
      '"cache_read_input_tokens":30,"output_tokens_details":{"thinking_tokens":5},"server_tool_use":null}}',
    '',
    'event: message_stop',
    'data: {"type":"message_stop"}',
    '',
    '',
  ]);
});

test('a whole message has every field of the official shape', () => {
  const completion = { ...completionOf(BLOCKS, 'tool-calls'), usage: { ...usage, cacheWriteTokens: 10 } };
  expect(anthropicMessages.writeResponse(completion, reply)).toEqual({
    id: 'msg_abc123',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4.5',
    content: [
      { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' },
      { type: 'redacted_thinking', data: 'ZGF0YQ==' },
      { type: 'text', text: 'a "b"\n' },
      { type: 'tool_use', id: 't1', name: 'look', input: { at: 'ü' }, caller: { type: 'direct' } },
    ],
    stop_reason: 'tool_use',
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      input_tokens: 60,
      output_tokens: 20,
      cache_creation_input_tokens: 10,
      cache_read_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 0 },
      output_tokens_details: { thinking_tokens: 5 },
      server_tool_use: null,
      service_tier: 'standard',
      inference_geo: null,
      speed: null,
    },
  });
});

const plain = (message: object): unknown => JSON.parse(JSON.stringify(message));

/** Anthropic's SDK makes of the stream what it gets without streaming. */
const agrees = (title: string, completion: Completion) =>
  test(title, async () => {
    const streamed = await client(stream(completion)).messages.stream(REQUEST).finalMessage();
    const whole = await client(anthropicMessages.writeResponse(completion, reply)).messages.create(REQUEST);
    // The helper adds a place for structured output, which nobody asked for here.
    expect(plain(streamed)).toEqual(plain({ ...whole, parsed_output: null }));
  });
agrees('the SDK reads a text', completionOf([{ type: 'text', text: 'Hello 👋 world' }]));
agrees('the SDK reads all kinds of blocks', completionOf(BLOCKS, 'tool-calls'));
agrees('the SDK reads unsigned reasoning', completionOf([{ type: 'reasoning', text: 'Hm.', signature: '' }]));
agrees(
  'the SDK reads calls in parallel',
  completionOf([CALL, { ...CALL, id: 't2', input: '{"at":[1,{"b":null}]}' }], 'tool-calls'),
);
agrees('the SDK reads a call without input', completionOf([{ ...CALL, input: '{}' }], 'tool-calls'));
agrees('the SDK reads text after a call', completionOf([CALL, { type: 'text', text: 'done' }], 'tool-calls'));
agrees('the SDK reads an answer without blocks', completionOf([]));

const stopReason = (finishReason: FinishReason, expected: string) =>
  test(`${finishReason} is ${expected}`, async () => {
    const completion = completionOf([{ type: 'text', text: 'a' }], finishReason);
    const streamed = await client(stream(completion)).messages.stream(REQUEST).finalMessage();
    expect([streamed.stop_reason, anthropicMessages.writeResponse(completion, reply)]).toEqual([
      expected,
      expect.objectContaining({ stop_reason: expected }),
    ]);
  });
stopReason('stop', 'end_turn');
stopReason('length', 'max_tokens');
stopReason('context-full', 'model_context_window_exceeded');
stopReason('tool-calls', 'tool_use');
stopReason('stop-sequence', 'stop_sequence');
stopReason('content-filter', 'refusal');

test('the stop sequence that ended the turn is named, streamed and not', async () => {
  const completion = { ...completionOf([{ type: 'text', text: 'a' }], 'stop-sequence'), stopSequence: 'END' };
  const streamed = await client(stream(completion)).messages.stream(REQUEST).finalMessage();
  const whole = await client(anthropicMessages.writeResponse(completion, reply)).messages.create(REQUEST);
  expect([streamed, whole].map((it) => [it.stop_reason, it.stop_sequence])).toEqual([
    ['stop_sequence', 'END'],
    ['stop_sequence', 'END'],
  ]);
});

const CUT = completionOf(
  [
    { type: 'text', text: 'a' },
    { ...CALL, input: '{"at' },
  ],
  'length',
);
test('a cut call is streamed byte for byte', () => {
  expect(lines(stream(CUT)).filter((it) => it.includes('partial_json'))).toEqual([
    'data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\\"a"}}',
    'data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"t"}}',
  ]);
});
const leftOut = (title: string, input: string) =>
  test(title, () => {
    const completion = completionOf(
      [
        { type: 'text', text: 'a' },
        { ...CALL, input },
      ],
      'tool-calls',
    );
    expect(anthropicMessages.writeResponse(completion, reply)).toMatchObject({
      content: [{ type: 'text', text: 'a' }],
      stop_reason: 'max_tokens',
    });
  });
leftOut('a cut call is left out of a whole message', '{"at');
leftOut('so is a call that was cut before its input', '');
leftOut('and one whose input is no object', '[1]');

test('an error ends the stream, and the SDK throws its message', async () => {
  const error = new GatewayError('overloaded', 'The model is busy.');
  const events = [
    ...eventsOf(completionOf([{ type: 'text', text: 'a' }])).slice(0, 3),
    { type: 'error', error } as const,
  ];
  const written = writeStream(anthropicMessages, events);
  expect(lines(written).slice(-4)).toEqual([
    'event: error',
    'data: {"type":"error","error":{"type":"overloaded_error","message":"The model is busy."},"request_id":"req_abc123"}',
    '',
    '',
  ]);
  await expect(client(written).messages.stream(REQUEST).finalMessage()).rejects.toThrow('The model is busy.');
});

test('pings may come first and between all events', async () => {
  const completion = completionOf(BLOCKS, 'tool-calls');
  const pinged = stream(completion).replaceAll('event: ', `${anthropicMessages.keepAlive}event: `);
  const message = await client(pinged).messages.stream(REQUEST).finalMessage();
  expect(message.content).toHaveLength(4);
});
