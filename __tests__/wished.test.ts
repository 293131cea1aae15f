/** What the gateway sees to because Kiro does not, over real sockets: limits, the form of an answer, refused documents. */

import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { Reply } from '../src/simulator/frames.js';
import { readChatStream } from './support/chat-automaton.js';
import { startGateway, until } from './support/gateway.js';
import { ask, question } from './support/http.js';
import { readMessagesStream } from './support/messages-automaton.js';
import { objectAt, type Json } from './support/sse.js';
import { say } from './support/turns.js';

const gateway = await startGateway();
afterEach(() => gateway.simulator.reset());
afterAll(() => gateway.close());

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';

/** Kiro says this, and would go on for ever if nobody closed it. */
function sayingOn(...texts: readonly string[]): Reply {
  return { frames: texts.map(say), thenStall: true };
}

/** What a client of either vendor understands: the text, why it ended, and at which stop sequence. */
async function chat(more: object): Promise<readonly unknown[]> {
  const { text } = await ask(gateway, CHAT, { body: question('Go.', more) });
  const { choices } = 'stream' in more ? readChatStream(text).completion : (JSON.parse(text) as Json);
  const [choice = {}] = choices as readonly Json[];
  return [objectAt(choice, 'message')['content'], choice['finish_reason']];
}

async function messages(more: object): Promise<readonly unknown[]> {
  const { text } = await ask(gateway, MESSAGES, { body: question('Go.', more) });
  const message = 'stream' in more ? readMessagesStream(text).message : (JSON.parse(text) as Json);
  const [block] = message['content'] as readonly Json[];
  return [block?.['text'], message['stop_reason'], message['stop_sequence']];
}

const isClosed = () => until(() => gateway.asked().at(-1)?.aborted === true);

describe.each([
  ['whole', {}],
  ['streamed', { stream: true }],
])('an answer that is cut, %s, and the upstream is closed', (_, how) => {
  test('at a stop sequence, in OpenAI’s words', async () => {
    gateway.simulator.enqueue(sayingOn('one, t', 'wo, three'));
    expect(await chat({ ...how, stop: ['two', 'never'] })).toEqual(['one, ', 'stop']);
    await isClosed();
  });

  test('at a stop sequence, in Anthropic’s words', async () => {
    gateway.simulator.enqueue(sayingOn('one, t', 'wo, three'));
    expect(await messages({ ...how, stop_sequences: ['two'] })).toEqual(['one, ', 'stop_sequence', 'two']);
    await isClosed();
  });

  test('at a number of tokens', async () => {
    gateway.simulator.enqueue(sayingOn('0123456789', '0123456789'), sayingOn('0123456789', '0123456789'));
    expect(await chat({ ...how, max_tokens: 3 })).toEqual(['01234567890', 'length']);
    await isClosed();
    expect(await messages({ ...how, max_tokens: 3 })).toEqual(['01234567890', 'max_tokens', null]);
    await isClosed();
  });
});

describe('an answer that is to be JSON', () => {
  const JSON_OBJECT = { response_format: { type: 'json_object' } };

  test('loses its fence, whole and streamed', async () => {
    const fenced: Reply = { frames: ['```js', 'on\n{"a"', ':1}\n`', '``'].map(say) };
    gateway.simulator.enqueue(fenced, fenced);
    expect(await chat(JSON_OBJECT)).toEqual(['{"a":1}', 'stop']);
    expect(await chat({ ...JSON_OBJECT, stream: true })).toEqual(['{"a":1}', 'stop']);
  });

  test('is told when it is none, and otherwise not', async () => {
    gateway.simulator.enqueue({ frames: [say('Sorry.')] }, { frames: [say('{}')] });
    const notice = async () => {
      const { headers } = await ask(gateway, CHAT, { body: question('Go.', JSON_OBJECT) });
      return headers['x-kiro-gateway-notice'];
    };
    expect([await notice(), await notice()]).toEqual(['response-format=not-json', undefined]);
  });

  test('follows the schema that the model is told', async () => {
    const schema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };
    expect(await messages({ output_config: { format: { type: 'json_schema', schema } } })).toEqual([
      '{"answer":"example"}',
      'end_turn',
      null,
    ]);
  });
});

describe('documents', () => {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  const file = (filename: string, type: string, text: string) => ({
    type: 'file',
    file: { filename, file_data: `data:${type};base64,${encode(text)}` },
  });
  const content = [
    { type: 'text', text: 'Read.' },
    file('a.md', 'text/markdown', '# Über'),
    file('b.pdf', 'application/pdf', '%PDF-'),
  ];
  const READ =
    'Read.\n\n<document name="a.md">\n# Über\n</document>\n\n' +
    '[The gateway left out the document "b.pdf": it is beyond what one request to this model may carry.]';
  const contents = () =>
    gateway.asked().map(({ body }) => Object(body).conversationState.currentMessage.userInputMessage.content);

  test('that the model does not take are sent once more as text', async () => {
    gateway.simulator.enqueue({
      status: 400,
      body: { message: 'The model does not support documents.', reason: 'DOCUMENT_MODEL_NOT_SUPPORTED' },
    });
    const { status, headers } = await ask(gateway, CHAT, {
      body: question('', { messages: [{ role: 'user', content }] }),
    });
    expect([status, headers['x-kiro-gateway-notice'], contents()]).toEqual([
      200,
      'documents-left-out=pdf',
      ['Read.', READ],
    ]);
  });

  test('are told when they are refused even so', async () => {
    const refused: Reply = { status: 400, body: { message: 'No.', reason: 'DOCUMENT_MODEL_NOT_SUPPORTED' } };
    gateway.simulator.enqueue(refused, refused);
    const { status } = await ask(gateway, CHAT, { body: question('', { messages: [{ role: 'user', content }] }) });
    expect([status, gateway.asked().length]).toEqual([400, 2]);
  });

  test('are text at once for a model that is known to take none', async () => {
    const body = question('', { model: 'glm-5', messages: [{ role: 'user', content }] });
    const { status } = await ask(gateway, CHAT, { body });
    expect([status, contents()]).toEqual([200, [READ]]);
  });
});
