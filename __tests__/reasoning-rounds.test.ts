/** Signed reasoning over several tool rounds: what goes back to Kiro, and what heals a history that it refuses. */

import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';

import { redactReasoning, signReasoning } from '../src/simulator/script.js';
import type { SceneLine } from '../src/simulator/frames.js';
import { GATEWAY_KEY, startGateway, type RunningGateway } from './support/gateway.js';
import { call, redact, say, sign, think } from './support/turns.js';

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
beforeEach(() => gateway.simulator.reset());
afterAll(() => gateway.close());

type Content = Readonly<Record<string, unknown>>;
type Message = { readonly role: 'user' | 'assistant'; readonly content: string | readonly Content[] };

const LOOK = { name: 'look', description: 'Looks.', input_schema: { type: 'object', properties: {} } };
const ASKED: Message = { role: 'user', content: 'Look around.' };

async function answerTo(messages: readonly Message[], model = 'claude-opus-4.8'): Promise<readonly Content[]> {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': GATEWAY_KEY },
    body: JSON.stringify({ model, max_tokens: 9999, thinking: { type: 'adaptive' }, tools: [LOOK], messages }),
  });
  const { content, error } = (await response.json()) as { content?: readonly Content[]; error?: unknown }; // as clients do
  expect(error).toBe(undefined);
  return content ?? [];
}

/** Plays rounds of thinking and calling, as a client does, and says what it would send next. */
async function play(rounds: readonly (readonly SceneLine[])[]): Promise<readonly Message[]> {
  let messages: readonly Message[] = [ASKED];
  for (const [index, lines] of rounds.entries()) {
    const id = `t${index + 1}`;
    gateway.simulator.enqueue({ frames: [...lines, call(id, { name: 'look', stop: true })] });
    const content = await answerTo(messages);
    const result: Message = { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'Trees.' }] };
    messages = [...messages, { role: 'assistant', content }, result];
  }
  return messages;
}

const thought = (text: string): readonly SceneLine[] => [
  think(text.slice(0, 2)),
  think(text.slice(2)),
  sign(signReasoning(text).slice(0, 9)),
  sign(signReasoning(text).slice(9)),
];
const signed = (text: string) => ({ reasoningText: { text, signature: signReasoning(text) } });

/** The reasoning in the history of each request, and why Kiro refused it. */
function sent(): readonly unknown[] {
  return gateway.asked().map(({ body, violation }) => {
    const { conversationState } = body as { conversationState: { history?: readonly object[] } }; // the rules have judged it
    const assistants = (conversationState.history ?? []).filter((it) => 'assistantResponseMessage' in it);
    const texts = assistants.map((it) => JSON.parse(JSON.stringify(it)).assistantResponseMessage.reasoningContent);
    return violation === undefined ? texts : 'refused';
  });
}

test('each round in flight goes back with its own thought, whole and nested', async () => {
  const messages = await play([thought('First.'), thought('Second. 👋'), [redact(redactReasoning('Third.'))]]);
  await answerTo(messages);
  expect(sent()).toEqual([
    [],
    [signed('First.')],
    [signed('First.'), signed('Second. 👋')],
    [signed('First.'), signed('Second. 👋'), { redactedContent: redactReasoning('Third.') }],
  ]);
});

test('when the person speaks again the finished rounds go back without thoughts, and new ones with theirs', async () => {
  const messages = await play([thought('First.')]);
  const done: Message[] = [{ role: 'assistant', content: [{ type: 'text', text: 'Trees.' }] }, ASKED];
  gateway.simulator.enqueue({ frames: [...thought('Again.'), call('t9', { name: 'look', stop: true })] });
  const content = await answerTo([...messages, ...done]);
  const result: Message = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't9', content: 'Trees.' }] };
  await answerTo([...messages, ...done, { role: 'assistant', content }, result]);
  expect(sent()).toEqual([[], [undefined, undefined], [undefined, undefined, signed('Again.')]]);
});

test('a round without a thought leaves none of the others', async () => {
  const messages = await play([thought('First.'), [say('Hm.')], thought('Third.')]);
  await answerTo(messages);
  expect(sent()).toEqual([[], [signed('First.')], [undefined, undefined], [undefined, undefined, undefined]]);
});

test('a signature that Kiro refuses is left out with all others in one more request, in every later turn too', async () => {
  const messages = await play([thought('First.'), thought('Second.')]);
  const changed = messages.map((message) => ({
    ...message,
    content:
      typeof message.content === 'string'
        ? message.content
        : message.content.map((it) => (it['thinking'] === 'First.' ? { ...it, thinking: 'Firstly.' } : it)),
  }));
  gateway.simulator.reset();
  await answerTo(changed);
  await answerTo(changed);
  expect(sent()).toEqual(['refused', [undefined, undefined], 'refused', [undefined, undefined]]);
});

test.each([
  'messages.1.content.0: Invalid `signature` in `thinking` block',
  'The thinking block belongs to a different conversation.',
])('a refusal of reasoning that has its reason in words only is mended, too: %s', async (message) => {
  const messages = await play([thought('First.')]);
  gateway.simulator.reset();
  gateway.simulator.enqueue({ status: 400, body: { message, reason: null } });
  await answerTo(messages);
  expect(sent()).toEqual([[signed('First.')], [undefined]]);
});

test('a refusal for another reason leaves the reasoning, whatever its words name', async () => {
  const messages = await play([thought('First.')]);
  gateway.simulator.reset();
  const message = 'The tool check_signature is there twice.';
  gateway.simulator.enqueue({ status: 400, body: { message, reason: 'TOOL_DUPLICATE' } });
  await expect(answerTo(messages)).rejects.toThrow();
  expect(sent()).toEqual([[signed('First.')]]);
});

test('a refusal of reasoning that never was there is not asked again', async () => {
  const failure = { status: 400, body: { message: 'Invalid signature.', reason: 'THINKING_SIGNATURE_INVALID' } };
  gateway.simulator.enqueue(failure);
  await expect(answerTo([ASKED])).rejects.toThrow();
  expect(gateway.asked().length).toBe(1);
});
