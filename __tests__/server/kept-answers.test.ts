/** What a client may refer to instead of repeating it: Kiro is asked as if it had been repeated. */

import { afterAll, expect, test } from '@jest/globals';
import { isRecord } from '../../src/core/reader.js';
import { createAnswerStore } from '../../src/server/kept-answers.js';
import { startGateway } from '../support/gateway.js';
import { ask, ROUTES } from '../support/http.js';
import { parseEvents } from '../support/sse.js';

const gateway = await startGateway();
afterAll(() => gateway.close());

const TOOL = { type: 'function', name: 'get_weather', parameters: { type: 'object', properties: {} } };
const QUESTION = { role: 'user', content: 'Please call the tool get_weather.' };

type Response = { readonly id: string; readonly store: boolean; readonly output: readonly Item[] };
type Item = { readonly id: string; readonly type: string; readonly call_id?: string };

/** Asks, streamed or not. */
async function respond(fields: object, stream = false): Promise<Response> {
  const body = { model: 'claude-sonnet-4.6', tools: [TOOL], stream, ...fields };
  const { text } = await ask(gateway, ROUTES['openai-responses'], { body });
  const last = stream ? parseEvents(text).at(-1) : undefined;
  return last?.type === 'event' ? Object(JSON.parse(JSON.stringify(last.data))).response : JSON.parse(text);
}

/** What Kiro has learnt of the conversation with the last request. */
function lastConversation(): unknown {
  const body = gateway.asked().at(-1)?.body;
  const state = isRecord(body) ? body['conversationState'] : undefined;
  return isRecord(state) ? [state['conversationId'], state['history'], state['currentMessage']] : undefined;
}

for (const stream of [false, true]) {
  const how = stream ? 'streamed' : 'not streamed';

  test(`an answer that was ${how} is gone on from as if all had been sent again`, async () => {
    const first = await respond({ input: 'Please call the tool get_weather.', reasoning: { effort: 'low' } }, stream);
    const call = first.output.find(({ type }) => type === 'function_call');
    const result = { type: 'function_call_output', call_id: call?.call_id, output: 'Sunny.' };
    const second = await respond({ previous_response_id: first.id, input: [result] }, stream);
    const third = { input: 'Thanks.' };
    const asked: unknown[] = [];
    const sent = [QUESTION, ...first.output, result, ...second.output, { role: 'user', content: 'Thanks.' }];
    const referring = sent.map((it) => ('id' in it ? { type: 'item_reference', id: it.id } : it));
    for (const fields of [
      { ...third, previous_response_id: second.id },
      { input: referring },
      { input: sent, store: false },
    ]) {
      await respond(fields);
      asked.push(lastConversation());
    }
    expect([first.output.map(({ type }) => type), first.store]).toEqual([['reasoning', 'function_call'], true]);
    expect(asked.slice(0, 2)).toEqual([asked[2], asked[2]]);
  });

  test(`an answer that was ${how} is not kept where the client does not want it`, async () => {
    const { id, store, output } = await respond({ input: 'hi', store: false }, stream);
    const error = (param: string, what: string, code: string) => ({
      message: `${param}: ${what} not found: the gateway keeps the latest only; send the whole conversation, or set \`store: false\`.`,
      type: 'invalid_request_error',
      param,
      code,
    });
    expect([
      store,
      await respond({ previous_response_id: id, input: 'hi' }),
      await respond({ input: [{ type: 'item_reference', id: output[0]?.id }] }),
    ]).toEqual([
      false,
      { error: error('previous_response_id', 'Previous response', 'previous_response_not_found') },
      { error: error('input[0]', 'Item', 'item_not_found') },
    ]);
  });

  test(`a chat that Cursor asked for in the words of Responses, ${how}, is answered without a failure`, async () => {
    const body = { model: 'auto', input: 'hi', stream };
    const { status, text } = await ask(gateway, ROUTES['openai-chat'], { body });
    expect([status, text.includes('"finish_reason":"stop"')]).toEqual([200, true]);
    expect(gateway.said()).not.toContain(' ERROR ');
  });
}

test('the tokens of a conversation that goes on are those of all of it', async () => {
  const { id, output } = await respond({ input: 'hi' });
  const count = async (fields: object): Promise<string> =>
    (await ask(gateway, '/v1/responses/input_tokens', { body: { model: 'claude-sonnet-4.6', ...fields } })).text;
  const more = { role: 'user', content: 'more' };
  expect(await count({ previous_response_id: id, input: 'more' })).toBe(
    await count({ input: [{ role: 'user', content: 'hi' }, ...output, more] }),
  );
});

const named = (name: string) => ({ id: name, output: [{ id: `msg_${name}` }] });
const asking = (name: string, previousId?: string) => ({ previousId, input: [name.repeat(20)] });

test('the conversation that nobody has gone on from for longest is forgotten first', () => {
  const store = createAnswerStore({ conversations: 150, items: 1000 });
  store.keep(named('a'), asking('a'));
  store.keep(named('b'), asking('b', 'a'));
  store.keep(named('c'), asking('c'));
  expect(store.conversation('b')).toEqual(['a'.repeat(20), { id: 'msg_a' }, 'b'.repeat(20), { id: 'msg_b' }]);
  store.keep(named('d'), asking('d'));
  expect(['a', 'b', 'c', 'd'].map((id) => store.conversation(id) !== undefined)).toEqual([true, true, false, true]);
  expect(store.item('msg_c')).toEqual({ id: 'msg_c' });
});

test('a conversation whose beginning is forgotten is none', () => {
  const store = createAnswerStore({ conversations: 90, items: 1000 });
  for (const [name, previous] of [['a'], ['b', 'a'], ['c', 'b']] as const) {
    store.keep(named(name), asking(name, previous));
  }
  expect(store.conversation('c')).toBeUndefined();
});

test('long questions push no item out, and the item that nobody has referred to for longest goes first', () => {
  const store = createAnswerStore({ conversations: 10, items: 40 });
  store.keep(named('a'), asking('a'));
  store.keep(named('b'), asking('b'));
  expect(store.item('msg_a')).toEqual({ id: 'msg_a' });
  store.keep(named('c'), asking('c'));
  expect(['a', 'b', 'c'].map((name) => store.item(`msg_${name}`))).toEqual([
    { id: 'msg_a' },
    undefined,
    { id: 'msg_c' },
  ]);
});
