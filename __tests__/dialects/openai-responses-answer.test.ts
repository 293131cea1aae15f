/** Writing a turn as Responses events and objects: word for word in the vendor's types, and as its SDK reads them. */

import { expect, test } from '@jest/globals';
import OpenAI from 'openai';
import type { Response, ResponseOutputItem, ResponseStreamEvent } from 'openai/resources/responses/responses';
import type { Block } from '../../src/core/conversation.js';
import { GatewayError } from '../../src/core/errors.js';
import { grows, type Completion, type FinishReason, type StreamEvent } from '../../src/core/stream.js';
import { openaiResponses } from '../../src/dialects/openai-responses.js';
import { readResponsesStream } from '../support/responses-automaton.js';
import { parseEvents } from '../support/sse.js';
import { answering, completionOf, eventsOf, read, reply, writeStream } from './support.js';

/** What goes over the wire: the SDK adds `output_text`. */
type WireResponse = Omit<Response, 'output_text' | 'output'> & {
  readonly store: boolean;
  readonly output: readonly WireItem[];
};
/** OpenAI sends a status with custom calls, though its types do not say so. */
type WireItem = ResponseOutputItem & { readonly status?: string };
type LifecycleEvent = { readonly type: string; readonly sequence_number: number; readonly response: WireResponse };
type WireEvent = Exclude<ResponseStreamEvent, { response: Response }> | LifecycleEvent;

const stream = (completion: Completion) => writeStream(openaiResponses, eventsOf(completion));
const whole = (completion: Completion) => JSON.parse(JSON.stringify(openaiResponses.writeResponse(completion, reply)));
const dataOf = (text: string) => parseEvents(text).map((event) => (event.type === 'event' ? event.data : event));

const CONSTANT = {
  id: 'resp_abc123',
  object: 'response',
  created_at: 1_700_000_000,
  model: 'claude-sonnet-4.5',
  access_programs: null,
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  service_tier: 'default',
  store: true,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
  completed_at: null,
  error: null,
  incomplete_details: null,
} as const satisfies Partial<WireResponse>;

const USAGE: Response['usage'] = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 30, cache_write_tokens: 0 },
  output_tokens: 20,
  output_tokens_details: { reasoning_tokens: 5 },
  total_tokens: 120,
};

const TEXT: Block = { type: 'text', text: 'Hello' };
const CALL: Block = { type: 'tool-call', id: 'c1', name: 'look', input: '{"at"' };
const SEALED = `kiro-gateway.1.${Buffer.from('{"type":"reasoning","text":"Hm.","signature":"c2ln"}').toString('base64url')}`;

const REASONING_ITEM: ResponseOutputItem = {
  type: 'reasoning',
  id: 'rs_abc123_0',
  summary: [{ type: 'summary_text', text: 'Hm.' }],
  encrypted_content: SEALED,
};
const MESSAGE_ITEM: ResponseOutputItem = {
  type: 'message',
  id: 'msg_abc123_1',
  status: 'completed',
  role: 'assistant',
  content: [{ type: 'output_text', text: 'Hello', annotations: [], logprobs: [] }],
};
const CALL_ITEM = {
  type: 'function_call',
  id: 'fc_abc123_2',
  call_id: 'c1',
  name: 'look',
  arguments: '{"at"',
  status: 'incomplete',
} as const satisfies ResponseOutputItem;

test('reasoning, text and a call that was cut: every event in its place', () => {
  const blocks: Block[] = [{ type: 'reasoning', text: 'Hm.', signature: 'c2ln' }, TEXT, CALL];
  const begun: WireResponse = { ...CONSTANT, status: 'in_progress', output: [] };
  const [rs, msg, fc] = [
    { item_id: 'rs_abc123_0', output_index: 0 },
    { item_id: 'msg_abc123_1', output_index: 1, content_index: 0 },
    { item_id: 'fc_abc123_2', output_index: 2 },
  ];
  const output_text = (text: string) => ({ type: 'output_text' as const, text, annotations: [], logprobs: [] });
  const events: readonly WireEvent[] = [
    { type: 'response.created', sequence_number: 0, response: begun },
    { type: 'response.in_progress', sequence_number: 1, response: begun },
    {
      type: 'response.output_item.added',
      sequence_number: 2,
      output_index: 0,
      item: { type: 'reasoning', id: 'rs_abc123_0', summary: [] },
    },
    {
      type: 'response.reasoning_summary_part.added',
      sequence_number: 3,
      ...rs,
      summary_index: 0,
      part: { type: 'summary_text', text: '' },
    },
    { type: 'response.reasoning_summary_text.delta', sequence_number: 4, ...rs, summary_index: 0, delta: 'Hm.' },
    { type: 'response.reasoning_summary_text.done', sequence_number: 5, ...rs, summary_index: 0, text: 'Hm.' },
    {
      type: 'response.reasoning_summary_part.done',
      sequence_number: 6,
      ...rs,
      summary_index: 0,
      part: { type: 'summary_text', text: 'Hm.' },
    },
    { type: 'response.output_item.done', sequence_number: 7, output_index: 0, item: REASONING_ITEM },
    {
      type: 'response.output_item.added',
      sequence_number: 8,
      output_index: 1,
      item: { type: 'message', id: 'msg_abc123_1', status: 'in_progress', role: 'assistant', content: [] },
    },
    { type: 'response.content_part.added', sequence_number: 9, ...msg, part: output_text('') },
    { type: 'response.output_text.delta', sequence_number: 10, ...msg, logprobs: [], delta: 'Hel' },
    { type: 'response.output_text.delta', sequence_number: 11, ...msg, logprobs: [], delta: 'lo' },
    { type: 'response.output_text.done', sequence_number: 12, ...msg, text: 'Hello', logprobs: [] },
    { type: 'response.content_part.done', sequence_number: 13, ...msg, part: output_text('Hello') },
    { type: 'response.output_item.done', sequence_number: 14, output_index: 1, item: MESSAGE_ITEM },
    {
      type: 'response.output_item.added',
      sequence_number: 15,
      output_index: 2,
      item: { ...CALL_ITEM, arguments: '', status: 'in_progress' },
    },
    { type: 'response.function_call_arguments.delta', sequence_number: 16, ...fc, delta: '{"a' },
    { type: 'response.function_call_arguments.delta', sequence_number: 17, ...fc, delta: 't"' },
    { type: 'response.function_call_arguments.done', sequence_number: 18, ...fc, arguments: '{"at"' },
    { type: 'response.output_item.done', sequence_number: 19, output_index: 2, item: CALL_ITEM },
    {
      type: 'response.incomplete',
      sequence_number: 20,
      response: {
        ...CONSTANT,
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
        output: [REASONING_ITEM, MESSAGE_ITEM, CALL_ITEM],
        usage: USAGE,
      },
    },
  ];
  const completion = completionOf(blocks, 'length');
  expect(dataOf(stream(completion))).toEqual(events);
  expect(whole(completion)).toEqual(Object(events.at(-1)).response);
});

test('a response repeats what was asked', () => {
  const asked = {
    instructions: 'Be brief.',
    max_output_tokens: 100,
    metadata: { a: 'b' },
    parallel_tool_calls: false,
    reasoning: { effort: 'low' },
    service_tier: 'flex',
    temperature: 0.5,
    text: { format: { type: 'json_object' } },
    tool_choice: 'required',
    tools: [{ type: 'function', name: 'look', parameters: {}, strict: false }],
    top_p: 0.9,
    truncation: 'auto',
  };
  const { replyContext } = read(openaiResponses, { model: 'm', input: 'hi', store: true, ...asked });
  const completion = completionOf([]);
  const expected = { ...CONSTANT, ...asked, status: 'completed', output: [], usage: USAGE };
  expect(openaiResponses.writeResponse(completion, { ...reply, replyContext })).toEqual(expected);
  const events = dataOf(writeStream(openaiResponses, eventsOf(completion), { ...reply, replyContext }));
  const { usage: _, ...begun } = { ...expected, status: 'in_progress' };
  expect(events.map((event) => Object(event).response)).toEqual([begun, begun, expected]);
});

const ends = (reason: FinishReason, status: string, why: string | undefined) =>
  test(`${reason} is ${[status, why].join(' ').trim()}`, () => {
    const completion = completionOf([TEXT], reason);
    const { response } = readResponsesStream(stream(completion));
    expect([response['status'], response['incomplete_details']]).toEqual([
      status,
      why === undefined ? null : { reason: why },
    ]);
    expect(whole(completion)).toEqual(response);
  });
ends('stop', 'completed', undefined);
ends('tool-calls', 'completed', undefined);
ends('stop-sequence', 'completed', undefined);
ends('length', 'incomplete', 'max_output_tokens');
ends('context-full', 'incomplete', 'max_output_tokens');
ends('content-filter', 'incomplete', 'content_filter');

const cuts = (title: string, blocks: readonly Block[], reason: FinishReason, statuses: readonly unknown[]) =>
  test(title, () => {
    const { response } = readResponsesStream(stream(completionOf(blocks, reason)));
    expect(whole(completionOf(blocks, reason))).toEqual(response);
    expect([response['output']].flat().map((item) => Object(item).status)).toEqual(statuses);
  });
const THOUGHT: Block = { type: 'reasoning', text: 'Hm.', signature: '' };
cuts('only the text that was cut is incomplete', [TEXT, THOUGHT, TEXT], 'length', [
  'completed',
  undefined,
  'incomplete',
]);
cuts('reasoning that was cut is incomplete', [TEXT, THOUGHT], 'length', ['completed', 'incomplete']);
cuts('reasoning that nobody can read tells nothing', [{ type: 'redacted-reasoning', data: 'ZGF0YQ==' }], 'length', [
  undefined,
]);
cuts('a text that was filtered is incomplete', [TEXT], 'content-filter', ['incomplete']);
cuts('a text that ended at a stop sequence is complete', [TEXT], 'stop-sequence', ['completed']);
cuts('a text before a call that was cut is complete', [TEXT, CALL], 'length', ['completed', 'incomplete']);

test('a text that ended before a failure is complete', () => {
  const events = eventsOf(completionOf([TEXT])).filter(({ type }) => type !== 'finish');
  const error = new GatewayError('upstream-unavailable', 'Kiro went away.');
  const { response } = readResponsesStream(writeStream(openaiResponses, [...events, { type: 'error', error }]));
  expect(response['output']).toEqual([{ ...MESSAGE_ITEM, id: 'msg_abc123_0' }]);
});

/** The SDK makes of the stream what it gets without streaming; its own additions are the same on both sides. */
const agrees = (title: string, completion: Completion) =>
  test(title, async () => {
    const request = { model: 'm', input: 'hi' };
    const streaming = new OpenAI({ apiKey: 'k', fetch: answering(stream(completion)) });
    const waiting = new OpenAI({ apiKey: 'k', fetch: answering(whole(completion)) });
    const streamed = await streaming.responses.stream(request).finalResponse();
    const { parsed: _, ...created } = { parsed: undefined, ...(await waiting.responses.create(request)) };
    expect(JSON.parse(JSON.stringify(streamed, withoutParsed))).toEqual(JSON.parse(JSON.stringify(created)));
  });

/** What the SDK's helpers parse for those who ask them to. */
function withoutParsed(key: string, value: unknown): unknown {
  return key.endsWith('parsed') || key === 'parsed_arguments' ? undefined : value;
}

agrees('the SDK reads a text', completionOf([{ type: 'text', text: 'Hello 👋 world\u2028' }]));
agrees('the SDK reads an answer without blocks', completionOf([]));
agrees(
  'the SDK reads all kinds of blocks',
  completionOf(
    [
      { type: 'reasoning', text: 'Hm.', signature: 'c2ln' },
      TEXT,
      { ...CALL, input: '{"at":1}' },
      { ...CALL, id: 'c2', input: '{}' },
    ],
    'tool-calls',
  ),
);
agrees('the SDK reads redacted reasoning', completionOf([{ type: 'redacted-reasoning', data: 'ZGF0YQ==' }, TEXT]));
agrees(
  'the SDK reads reasoning that is only signed',
  completionOf([{ type: 'reasoning', text: '', signature: 'c2ln' }]),
);
agrees('the SDK reads a call that was cut', completionOf([CALL], 'length'));

test('an empty delta, which only shows that it goes on, begins nothing', () => {
  const blocks: Block[] = [
    { type: 'reasoning', text: '', signature: 'c2ln' },
    { type: 'tool-call', id: 'c1', name: 'look', input: '{}' },
    TEXT,
  ];
  const completion = completionOf(blocks);
  const silent = eventsOf(completion).flatMap((event): StreamEvent[] =>
    event.type === 'block-start' && grows(event.block)
      ? [event, { type: 'block-delta', index: event.index, block: event.block.type, delta: '' }]
      : [event],
  );
  expect(writeStream(openaiResponses, silent)).toBe(stream(completion));
});

test('keep-alives may stand between all events', async () => {
  const kept = stream(completionOf([TEXT])).replaceAll('event: ', `${openaiResponses.keepAlive}event: `);
  const client = new OpenAI({ apiKey: 'k', fetch: answering(kept) });
  const response = await client.responses.stream({ model: 'm', input: 'hi' }).finalResponse();
  expect(response.output_text).toBe('Hello');
});
