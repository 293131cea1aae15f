/** The laws of the architecture that need no socket: chunks, grammar, sums, round trip, idempotence. */

import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Block, Message, ToolResultPart, UserPart } from '../src/core/conversation.js';
import { Reader } from '../src/core/reader.js';
import type { Completion, StreamEvent } from '../src/core/stream.js';
import { anthropicMessages } from '../src/dialects/anthropic-messages.js';
import type { Dialect } from '../src/dialects/dialect.js';
import { dialects } from '../src/dialects/index.js';
import { openaiChat } from '../src/dialects/openai-chat.js';
import { openaiResponses } from '../src/dialects/openai-responses.js';
import { obeyRules, toEntries } from '../src/kiro/history.js';
import type { Media } from '../src/kiro/media.js';
import { readModelPage, resolveModel } from '../src/kiro/models.js';
import { toKiroRequest } from '../src/kiro/request.js';
import { listModels } from '../src/simulator/control.js';
import { encodeSceneLine, type SceneLine } from '../src/simulator/frames.js';
import { checkChatRequest } from './support/rules.js';
import { readChatStream } from './support/chat-automaton.js';
import { readMessagesStream } from './support/messages-automaton.js';
import { conversation, failureLine, kiroTurn, message } from './support/random.js';
import { readResponsesStream } from './support/responses-automaton.js';
import { cutAt } from './support/bytes.js';
import { ANSWERS, play, plainError, type Played, readUpstream, REPLY } from './support/scenes.js';
import { bytesOf } from './support/turns.js';
import { objectAt, type Json } from './support/sse.js';
import { readTurn } from './support/turn-automaton.js';

const wholeTurn = kiroTurn({ mayCut: false });
/** Everything that may come: cut calls, failures, connections that break. */
const anyTurn = fc
  .tuple(kiroTurn({ mayCut: true }), fc.option(failureLine, { nil: undefined }), fc.option(fc.nat(40), { nil: 0 }))
  .map(([lines, failure, missing]) => {
    const bytes = bytesOf(failure === undefined ? lines : [...lines, failure]);
    return bytes.subarray(0, Math.max(0, bytes.length - (missing ?? 0)));
  });

describe('chunks: any cutting of the bytes gives the same events', () => {
  test.each(ANSWERS)('of %s', async (scene) => {
    const bytes = bytesOf(readUpstream(scene));
    const expected = outcomeOf(await play([bytes]));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 40 }), async (places) => {
        expect(outcomeOf(await play(cutAt(bytes, places)))).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  test('of any turn, one byte at a time', async () => {
    await fc.assert(
      fc.asyncProperty(anyTurn, async (bytes) => {
        const single = await play([...bytes].map((byte) => Uint8Array.of(byte)));
        expect(outcomeOf(single)).toEqual(outcomeOf(await play([bytes])));
      }),
    );
  });
});

describe('grammar and sums: a turn parses, and its parts add up', () => {
  test.each(ANSWERS)('of %s', async (scene) => checkTurn(await play(readUpstream(scene).map(encodeSceneLine))));

  test('of any turn', async () => {
    await fc.assert(
      fc.asyncProperty(anyTurn, async (bytes) => checkTurn(await play([bytes]))),
      { numRuns: 200 },
    );
  });
});

describe('streamed and not streamed agree, and a stream obeys its grammar', () => {
  test.each(ANSWERS)('on %s', async (scene) => checkAgreement(await play(readUpstream(scene).map(encodeSceneLine))));

  test('on any turn', async () => {
    await fc.assert(
      fc.asyncProperty(anyTurn, async (bytes) => checkAgreement(await play([bytes]))),
      { numRuns: 120 },
    );
  });
});

describe('round trip: what a dialect writes, sent back as history, reads as the same blocks', () => {
  const returns = (title: string, blocksOf: (completion: Completion) => unknown, carried: typeof carriedByChat) =>
    test(title, async () => {
      await fc.assert(
        fc.asyncProperty(wholeTurn, async (lines: readonly SceneLine[]) => {
          const { events, failedEarly } = await play([bytesOf(lines)]);
          if (failedEarly !== undefined) return;
          const { completion } = readTurn(events);
          if (completion === undefined) throw new Error('A whole turn failed.');
          expect(blocksOf(completion)).toEqual(carried(completion.blocks.map(withPlainInput)));
        }),
        { numRuns: 120 },
      );
    });

  returns('in Anthropic’s words', throughAnthropic, (blocks) => blocks);
  returns('in OpenAI’s words', throughOpenAI, carriedByChat);
  returns('in the words of OpenAI’s Responses', throughResponses, (blocks) => blocks);
});

describe('idempotence: the history passes applied twice equal once, and Kiro takes the result', () => {
  const models = readModelPage({ models: listModels() }).items;
  const context = {
    profileArn: 'arn:aws:codewhisperer:us-east-1:111122223333:profile/LAWS12345678',
    continuationId: '00000000-0000-4000-8000-000000000000',
    toolDescriptionLimit: 100,
    tags: { when: true, maxTokens: 4000, handling: 'as_reasoning_content' as const },
    readsWrittenCalls: false,
    wasCut: () => false,
    marksCache: false,
  };

  test('twice is once', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
        const once = toEntries(messages, new Set(messages.flatMap(mediaOf)));
        expect(obeyRules(once)).toEqual(once);
      }),
      { numRuns: 200 },
    );
  });

  test('the simulator takes every body', () => {
    fc.assert(
      fc.property(conversation, (asked) => {
        const { body } = toKiroRequest(asked, { ...context, model: resolveModel(asked.model, models) });
        expect(checkChatRequest(JSON.parse(body), { isProfileRequired: true })).toBeUndefined();
      }),
      { numRuns: 400 },
    );
  });
});

function mediaOf(of: Message): readonly Media[] {
  if (of.role === 'assistant') return [];
  const parts = of.parts.flatMap((part): readonly (UserPart | ToolResultPart)[] =>
    part.type === 'tool-result' ? part.content : [part],
  );
  return parts.filter((part) => part.type === 'image' || part.type === 'document');
}

/** Everything about a turn that must not depend on the network. */
function outcomeOf({ events, failedEarly }: Played): unknown {
  const errors = [failedEarly, ...events.map((event) => (event.type === 'error' ? event.error : undefined))];
  const plain = events.filter((event) => event.type !== 'error');
  return { plain, errors: errors.filter((it) => it !== undefined).map(plainError) };
}

function checkTurn({ events, failedEarly }: Played): void {
  if (failedEarly !== undefined) expect(events).toEqual([]);
  else readTurn(events);
}

function checkAgreement({ events, failedEarly }: Played): void {
  if (failedEarly !== undefined) return;
  const { completion, error } = readTurn(events);
  const chat = readChatStream(write(openaiChat, events));
  const messages = readMessagesStream(write(anthropicMessages, events));
  const responses = readResponsesStream(write(openaiResponses, events));
  expect([chat.error?.['message'], messages.error?.['message']]).toEqual([error?.message, error?.message]);
  expect(String(responses.error?.['message'])).toContain(String(error?.message));
  if (completion === undefined) return;
  expect(responses.response).toEqual(asJson(openaiResponses.writeResponse(completion, REPLY)));
  expect(chat.completion).toEqual(openaiChat.writeResponse(completion, REPLY));
  const { content, isCut } = withInputs(messages.message['content'], messages.inputs, completion);
  const stopReason = isCut ? 'max_tokens' : messages.message['stop_reason'];
  const whole = asJson(anthropicMessages.writeResponse(completion, REPLY));
  expect(withoutCacheSplit({ ...messages.message, content, stop_reason: stopReason })).toEqual(
    withoutCacheSplit(whole),
  );
}

function write(dialect: Dialect, events: readonly StreamEvent[]): string {
  return events.map(dialect.createStreamWriter(REPLY)).join('');
}

/** Streamed calls get their input; one that was cut cannot be part of a whole answer. */
function withInputs(
  content: unknown,
  streamed: readonly string[],
  { blocks }: Completion,
): { content: readonly Json[]; isCut: boolean } {
  const inputs = blocks.flatMap((block) => (block.type === 'tool-call' ? [block.input] : []));
  // Silence stands for the empty object.
  expect(streamed.map((input, index) => (input === '' && inputs[index] === '{}' ? '{}' : input))).toEqual(inputs);
  const unread = [...inputs];
  const written = (content as readonly Json[]).map((block) => {
    if (block['type'] !== 'tool_use') return block;
    const input = parsed(unread.shift() ?? '');
    return input === undefined ? undefined : { ...block, input };
  });
  const kept = written.filter((block) => block !== undefined);
  return { content: kept, isCut: kept.length < written.length };
}

/** `message_delta` has no place for the cache's two lifetimes, which the start could not know yet. */
function withoutCacheSplit(answer: Json): Json {
  const { cache_creation: _, ...usage } = objectAt(answer, 'usage');
  return { ...answer, usage };
}

function throughAnthropic(completion: Completion): unknown {
  const { content } = asJson(anthropicMessages.writeResponse(completion, REPLY));
  return historyOf(anthropicMessages, { role: 'assistant', content });
}

function throughOpenAI(completion: Completion): unknown {
  const { choices } = asJson(openaiChat.writeResponse(completion, REPLY));
  const [choice] = choices as readonly Json[];
  return historyOf(openaiChat, objectAt(choice ?? {}, 'message'));
}

function throughResponses(completion: Completion): unknown {
  const { output } = asJson(openaiResponses.writeResponse(completion, REPLY));
  const input = [{ role: 'user', content: 'hi' }, ...(output as readonly Json[])];
  const [, read] = openaiResponses.readRequest(new Reader({ model: 'm', input }), {}).conversation.messages;
  // A turn of nothing is no item, and no message.
  return read === undefined ? [] : read.role === 'assistant' ? read.blocks.map(withPlainInput) : read;
}

function historyOf(dialect: Dialect, answer: Json): unknown {
  const messages = [{ role: 'user', content: 'hi' }, answer];
  const [, read] = dialect.readRequest(new Reader({ model: 'm', max_tokens: 1, messages }), {}).conversation.messages;
  return read?.role === 'assistant' ? read.blocks : read;
}

/** Chat has one text, one reasoning without signature, and then the calls. */
function carriedByChat(blocks: readonly Block[]): readonly Block[] {
  const reasoning = blocks.flatMap((block) => (block.type === 'reasoning' ? [block.text] : [])).join('');
  const text = blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('');
  return [
    ...(reasoning === '' ? [] : [{ type: 'reasoning' as const, text: reasoning, signature: '' }]),
    ...(text === '' ? [] : [{ type: 'text' as const, text }]),
    ...blocks.filter((block) => block.type === 'tool-call'),
  ];
}

/** JSON has many spellings; an object on the wire keeps only what it means. */
function withPlainInput(block: Block): Block {
  return block.type === 'tool-call' ? { ...block, input: JSON.stringify(parsed(block.input)) } : block;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asJson(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

test('there is a writer for every automaton', () => {
  expect(dialects.map(({ name }) => name)).toEqual(['openai-chat', 'openai-responses', 'anthropic-messages']);
});
