/** Many streams at once, each cut by the network in its own way: nobody gets a byte of another's answer. */

import { afterAll, expect, test } from '@jest/globals';
import { readChatStream } from './support/chat-automaton.js';
import { startGateway } from './support/gateway.js';
import { ask, question, ROUTES } from './support/http.js';
import { readMessagesStream } from './support/messages-automaton.js';
import { readResponsesStream } from './support/responses-automaton.js';
import { objectAt, textAt, type Json } from './support/sse.js';

const gateway = await startGateway();
afterAll(() => gateway.close());

const STREAMS = 32;
const DELTAS = 200;
const DELTA_LENGTH = 4096;

test('of 32 parallel streams of 200 deltas of 4 KB every byte is right', async () => {
  const random = randomNumbers(7391);
  const answers = Array.from({ length: STREAMS }, (_, index) => deltasOf(index));
  // The small sizes tear preludes, headers and characters; the large ones tear frames.
  const chunkings = answers.map(() => Array.from({ length: 50 }, (_, turn) => 1 + (random() % (turn % 2 ? 9000 : 90))));
  gateway.simulator.enqueue(
    ...answers.map((deltas, index) => ({
      frames: deltas.map((content) => ({ event: 'assistantResponseEvent', payload: { content } })),
      chunking: chunkings[index] ?? [],
    })),
  );
  const body = question('Go.', { stream: true, max_tokens: 1_000_000 });
  const read = await Promise.all(answers.map((_, index) => TEXTS[index % TEXTS.length]?.(body)));
  // Which request met which answer is chance; that every answer came whole and once is not.
  const expected = new Set(answers.map((deltas) => deltas.join('')));
  expect(read.map((text) => expected.delete(text ?? ''))).toEqual(answers.map(() => true));
});

const TEXTS = [chatText, messagesText, responsesText];

async function chatText(body: object): Promise<string> {
  const { text } = await ask(gateway, ROUTES['openai-chat'], { body });
  const [choice = {}] = readChatStream(text).completion['choices'] as readonly Json[];
  return textAt(objectAt(choice, 'message'), 'content');
}

async function messagesText(body: object): Promise<string> {
  const { text } = await ask(gateway, ROUTES['anthropic-messages'], { body });
  const [block = {}] = readMessagesStream(text).message['content'] as readonly Json[];
  return textAt(block, 'text');
}

async function responsesText(body: object): Promise<string> {
  const { text } = await ask(gateway, ROUTES['openai-responses'], { body });
  const [item = {}] = readResponsesStream(text).response['output'] as readonly Json[];
  const [part = {}] = item['content'] as readonly Json[];
  return textAt(part, 'text');
}

function deltasOf(index: number): readonly string[] {
  return Array.from({ length: DELTAS }, (_, delta) =>
    `${index}.${delta} 👩‍👩‍👧 漢字 `
      .repeat(400)
      .slice(0, DELTA_LENGTH - 2)
      .concat('🎉'),
  );
}

/** Whole numbers that look like chance and are the same every time. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state >> 8;
  };
}
