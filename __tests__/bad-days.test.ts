/** What Kiro does on a bad day, on the running gateway: what the client sees, and how often Kiro was asked. */

import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { SHARED_PROFILE } from '../src/kiro/profiled-session.js';
import { type Failure, FAILURES } from '../src/simulator/exchange.js';
import type { Reply, StreamReply } from '../src/simulator/frames.js';
import { PROFILE_ARN as SIMULATOR_PROFILE } from '../src/simulator/sign-in.js';
import { temporaryFolder } from './support/folder.js';
import { REFRESH_TOKEN, startGateway, until, type RunningGateway } from './support/gateway.js';
import { ask, type DialectName, open, question, ROUTES } from './support/http.js';
import { readMessagesStream } from './support/messages-automaton.js';
import { png } from './support/requests.js';

const running: RunningGateway[] = [];
afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.close();
});

/** A gateway with the default number of attempts, and answers that Kiro gives in this order. */
async function gatewayFor(replies: readonly Reply[], env: Readonly<Record<string, string>> = {}) {
  const gateway = await startGateway({ env: { MAX_RETRIES: '3', BASE_RETRY_DELAY: '0.01', ...env } });
  running.push(gateway);
  gateway.simulator.enqueue(...replies);
  return gateway;
}

const refuse = ({ status, type, message, reason }: Failure): Reply => ({
  status,
  headers: { 'x-amzn-errortype': type },
  body: { message, reason },
});
const say = (content: string) => ({ event: 'assistantResponseEvent', payload: { content } });
const text: StreamReply = { frames: [say('Hello')] };

async function messages(gateway: RunningGateway) {
  const { status, text: said } = await ask(gateway, ROUTES['anthropic-messages'], { body: question('hi') });
  const body = JSON.parse(said);
  return [status, body.content?.[0]?.text ?? body.error?.message, gateway.asked().length];
}

test.each<[string, Reply[]]>([
  ['429, 429', [refuse(FAILURES.throttled), refuse(FAILURES.throttled)]],
  ['503, 500', [refuse(FAILURES.unavailable), refuse(FAILURES.serverError)]],
  ['a reset', [{ destroy: true }]],
  ['a reset before the first event', [{ frames: [], thenDestroy: true }]],
  ['an answer that says nothing', [{ frames: [] }]],
  ['an exception before the first event', [{ frames: [{ exception: 'InternalServerException', payload: {} }] }]],
])('after %s the client gets its answer, once', async (_, failures) => {
  const gateway = await gatewayFor([...failures, text]);
  expect(await messages(gateway)).toEqual([200, 'Hello', failures.length + 1]);
});

const cut = (message: string): Reply[] => [
  { frames: [{ exception: 'ValidationException', payload: { message } }] },
  { frames: [say('Hello'), { exception: 'ValidationException', payload: { message } }] },
];
const words = (message: string): Reply[] => [{ status: 400, body: { message } }, ...cut(message)];

test.each(Object.keys(ROUTES) as DialectName[])('what Kiro quotes of a token reaches no client: %s', async (name) => {
  const gateway = await gatewayFor([text]);
  await messages(gateway);
  const token = String(gateway.asked()[0]?.headers.authorization).replace('Bearer ', '');
  const told = [];
  for (const stream of [false, true]) {
    gateway.simulator.enqueue(...words(`No ${token} here.`));
    for (let kind = 0; kind < 3; kind++) {
      const { text: said } = await ask(gateway, ROUTES[name], { body: question('hi', { stream }) });
      told.push([said.includes(token), said.includes('No [secret] here.')]);
    }
  }
  expect(told).toEqual(Array.from({ length: 6 }, () => [false, true]));
});

test('the log has the reason that Kiro gives, and its id of the request', async () => {
  const refusal = { ...FAILURES.improper, reason: 'TOOL_DUPLICATE' };
  const gateway = await gatewayFor([{ ...refuse(refusal), headers: { 'x-amzn-requestid': 'kiro-77' } }]);
  await messages(gateway);
  await until(() => gateway.said().includes(' error='));
  expect(gateway.said()).toMatch(/ error=invalid-request ".*" reason=TOOL_DUPLICATE kiro-id=kiro-77 id=req_/);
});

test('a refused token is renewed once', async () => {
  const gateway = await gatewayFor([text]);
  await messages(gateway);
  const refreshes = () => gateway.simulator.requests.filter(({ path }) => path === '/refreshToken').length;
  const before = refreshes();
  gateway.simulator.revokeAccessTokens();
  gateway.simulator.enqueue(text);
  expect(await messages(gateway)).toEqual([200, 'Hello', 3]);
  expect(refreshes() - before).toBe(1);
});

test('a reset after the first event is an error event, and nothing is repeated', async () => {
  const gateway = await gatewayFor([{ frames: [say('Hel')], thenDestroy: true }, text]);
  const { text: said } = await ask(gateway, ROUTES['anthropic-messages'], { body: question('hi', { stream: true }) });
  expect(said).toContain('"text":"Hel"');
  expect(said.trim().split('\n\n').at(-1)).toMatch(/^event: error\n/);
  expect(gateway.asked().length).toBe(1);
});

const lost = { reason: 'STALE_CONVERSATION', message: 'It is stale.' };

test.each<[string, Reply]>([
  ['an event', { frames: [{ event: 'invalidStateEvent', payload: lost }] }],
  ['a status', { status: 400, body: lost }],
])('a conversation that Kiro no longer knows is asked for by another name, told by %s', async (_, refusal) => {
  const gateway = await gatewayFor([refusal, text]);
  expect(await messages(gateway)).toEqual([200, 'Hello', 2]);
  const names = gateway.asked().map(({ body }) => JSON.parse(JSON.stringify(body)).conversationState.conversationId);
  expect(new Set(names).size).toBe(2);
});

test('spent credits are asked for once', async () => {
  const gateway = await gatewayFor([refuse(FAILURES.quota), text]);
  expect((await messages(gateway))[2]).toBe(1);
});

test('MAX_RETRIES is the number of attempts in all', async () => {
  const gateway = await gatewayFor(Array<Reply>(3).fill(refuse(FAILURES.unavailable)), { MAX_RETRIES: '2' });
  expect(await messages(gateway)).toEqual([502, expect.stringContaining(FAILURES.unavailable.message), 2]);
});

test('BASE_RETRY_DELAY is the pause before the first repetition', async () => {
  const gateway = await gatewayFor([refuse(FAILURES.unavailable), text], { BASE_RETRY_DELAY: '0' });
  await messages(gateway);
  expect(gateway.said()).toContain('Asking again in 0 s (attempt 2 of ');
});

test('FIRST_TOKEN_TIMEOUT and FIRST_TOKEN_MAX_RETRIES limit the wait for an answer', async () => {
  const stall: Reply = { frames: [], thenStall: true };
  const limits = { FIRST_TOKEN_TIMEOUT: '0.05', FIRST_TOKEN_MAX_RETRIES: '1' };
  const [patient, hasty] = [
    await gatewayFor([stall, text], limits),
    await gatewayFor([stall, text], { ...limits, FIRST_TOKEN_MAX_RETRIES: '0' }),
  ];
  expect([await messages(patient), await messages(hasty)]).toEqual([
    [200, 'Hello', 2],
    [502, 'Kiro sent nothing for 0.05 s; try again.', 1],
  ]);
  await until(() => [...patient.asked(), ...hasty.asked()].filter(({ aborted }) => aborted).length === 2);
});

test('STREAMING_READ_TIMEOUT ends an answer that has fallen silent', async () => {
  const gateway = await gatewayFor([{ frames: [say('Hel')], thenStall: true }], { STREAMING_READ_TIMEOUT: '0.05' });
  const { text: said } = await ask(gateway, ROUTES['anthropic-messages'], { body: question('hi', { stream: true }) });
  expect(said).toContain('Kiro stopped in the middle of its answer and sent nothing for 0.05 s; try again.');
  await until(() => gateway.asked()[0]?.aborted ?? false);
});

test('STREAMING_READ_TIMEOUT leaves the wait for the first event to FIRST_TOKEN_TIMEOUT', async () => {
  const gateway = await gatewayFor([{ frames: [], thenStall: true }], {
    STREAMING_READ_TIMEOUT: '0.05',
    FIRST_TOKEN_TIMEOUT: '0.3',
    FIRST_TOKEN_MAX_RETRIES: '0',
  });
  expect(await messages(gateway)).toEqual([502, 'Kiro sent nothing for 0.3 s; try again.', 1]);
});

test('MAX_CONCURRENT_REQUESTS lets the others wait, in order', async () => {
  const half: Reply = { frames: [say('Hel')], thenStall: true };
  const gateway = await gatewayFor([half, text], { MAX_CONCURRENT_REQUESTS: '1' });
  const body = question('hi', { stream: true });
  const first = await open(gateway, ROUTES['anthropic-messages'], { body });
  const second = ask(gateway, ROUTES['anthropic-messages'], { body });
  // The second stands in the queue once the gateway has read it; a third answer on another route shows that it has.
  await ask(gateway, '/v1/models');
  expect(gateway.asked().length).toBe(1);
  first.request.destroy();
  expect(readMessagesStream((await second).text).message['content']).toEqual([{ type: 'text', text: 'Hello' }]);
  expect(gateway.asked().length).toBe(2);
});

test.each([
  ['auto-kiro', {}, 'auto'],
  ['fast', { MODEL_ALIASES: 'fast=claude-haiku-4-5, deep=claude-opus-4-8-max' }, 'claude-haiku-4.5'],
  ['Deep', { MODEL_ALIASES: 'fast=claude-haiku-4-5, deep=claude-opus-4-8-max' }, 'claude-opus-4.8'],
])('MODEL_ALIASES makes %s with %j the model %s', async (model, env: Record<string, string>, id) => {
  const gateway = await gatewayFor([text], env);
  await ask(gateway, ROUTES['anthropic-messages'], { body: question('hi', { model }) });
  expect(gateway.asked()[0]?.body).toMatchObject({
    conversationState: { currentMessage: { userInputMessage: { modelId: id } } },
  });
});

test('a suffix of the model’s name decides the effort, whatever the request says', async () => {
  const gateway = await gatewayFor([text]);
  const body = question('hi', { model: 'claude-opus-4-8-xhigh', output_config: { effort: 'low' } });
  await ask(gateway, ROUTES['anthropic-messages'], { body });
  expect(gateway.asked()[0]?.body).toMatchObject({
    additionalModelRequestFields: { output_config: { effort: 'xhigh' } },
  });
});

// --- the profile

/** The file of a login whose tokens name no profile. */
function loginFile(provider: 'BuilderId' | 'Enterprise', more: Readonly<Record<string, string>> = {}): string {
  const path = join(temporaryFolder(), 'login.json');
  const client = { clientId: 'client', clientSecret: 'secret' };
  const login = { authMethod: 'IdC', provider, refreshToken: REFRESH_TOKEN, region: 'us-east-1', ...client, ...more };
  writeFileSync(path, JSON.stringify(login));
  return path;
}

const profilesSent = (gateway: RunningGateway) =>
  gateway.asked().map(({ body }) => JSON.parse(JSON.stringify(body)).profileArn);
const idsSent = (gateway: RunningGateway): unknown[] =>
  gateway.asked().map(({ body }) => JSON.parse(JSON.stringify(body)).conversationState.conversationId);

test('KIRO_SHARED_PROFILE decides what a Builder ID sends', async () => {
  const env = { REFRESH_TOKEN: '', KIRO_CREDS_FILE: loginFile('BuilderId') };
  const shared = await gatewayFor([text], env);
  const none = await gatewayFor([], { ...env, KIRO_SHARED_PROFILE: 'false' });
  expect([await messages(shared), profilesSent(shared)]).toEqual([[200, 'Hello', 1], [SHARED_PROFILE]]);
  expect([await messages(none), profilesSent(none)]).toEqual([
    [400, 'profileArn is required for this request. Set PROFILE_ARN to the profile of your Kiro account.', 1],
    [undefined],
  ]);
});

test('accounts without a profile of their own do not share the ids of their conversations', async () => {
  const nobody = { REFRESH_TOKEN: '' };
  const gateways = [
    await gatewayFor([text, text], { ...nobody, KIRO_API_KEY: 'ksk_one0123456789' }),
    await gatewayFor([text, text], { ...nobody, KIRO_API_KEY: 'ksk_two0123456789' }),
    await gatewayFor([text, text], { ...nobody, KIRO_CREDS_FILE: loginFile('BuilderId') }),
    await gatewayFor([text, text], { ...nobody, KIRO_CREDS_FILE: loginFile('BuilderId', { clientId: 'another' }) }),
  ];
  const ids = [];
  for (const gateway of gateways) {
    await messages(gateway);
    await messages(gateway);
    ids.push([...new Set(idsSent(gateway))]);
  }
  expect([ids.map(({ length }) => length), new Set(ids.flat()).size]).toEqual([[1, 1, 1, 1], 4]);
});

test('a conversation keeps its id when the program that the login belongs to renews it', async () => {
  const path = loginFile('BuilderId');
  const gateway = await gatewayFor([text], { REFRESH_TOKEN: '', KIRO_CREDS_FILE: path });
  await messages(gateway);
  renameSync(loginFile('BuilderId', { refreshToken: `${REFRESH_TOKEN}renewed` }), path);
  gateway.simulator.enqueue({ status: 401, body: { message: 'The bearer token is invalid.' } }, text, text);
  expect([await messages(gateway), await messages(gateway)]).toEqual([
    [200, 'Hello', 3],
    [200, 'Hello', 4],
  ]);
  expect(new Set(idsSent(gateway)).size).toBe(1);
});

test('a shared profile that Kiro refuses is left out once, and when it is missed the first refusal is told', async () => {
  const gateway = await gatewayFor([refuse(FAILURES.improper)], {
    REFRESH_TOKEN: '',
    KIRO_CREDS_FILE: loginFile('BuilderId'),
  });
  // The simulator wants a profile of everybody, so the second form is refused as well; Kiro's older host takes it.
  expect(await messages(gateway)).toEqual([400, expect.stringMatching(/^Improperly formed/), 2]);
  expect(profilesSent(gateway)).toEqual([SHARED_PROFILE, undefined]);
});

test('the profile of an organisation’s login is asked for, once', async () => {
  const gateway = await gatewayFor([text, text], { REFRESH_TOKEN: '', KIRO_CREDS_FILE: loginFile('Enterprise') });
  await messages(gateway);
  await messages(gateway);
  const lists = gateway.simulator.requests.filter(({ headers }) =>
    String(headers['x-amz-target']).endsWith('ListAvailableProfiles'),
  );
  expect([lists.length, profilesSent(gateway)]).toEqual([1, [SIMULATOR_PROFILE, SIMULATOR_PROFILE]]);
});

test('a body over 600 kB that Kiro finds improperly formed is too long, a smaller one is not', async () => {
  const refusal: Reply = {
    status: 400,
    headers: { 'x-amzn-errortype': 'ValidationException' },
    body: { message: 'Improperly formed request.' },
  };
  const gateway = await gatewayFor([refusal, refusal]);
  const told = async (length: number) => {
    const body = question('a'.repeat(length));
    const { status, text: said } = await ask(gateway, ROUTES['anthropic-messages'], { body });
    return [status, JSON.parse(said).error.message];
  };
  expect([await told(700_000), await told(10_000)]).toEqual([
    [400, expect.stringMatching(/^prompt is too long: \d+ tokens > 200000 maximum/)],
    [400, expect.stringContaining('Improperly formed request.')],
  ]);
  const warnings = gateway.said().match(/The request is \d+ kB long/g);
  expect(warnings).toEqual(['The request is 700 kB long']);
});

test('a refusal without a reason is told with what may be its cause', async () => {
  const gateway = await gatewayFor([{ status: 400, body: { message: 'Improperly formed request.', reason: null } }]);
  const tools = Array.from({ length: 60 }, (_, at) => ({ name: `look${at}`, input_schema: { type: 'object' } }));
  const body = { ...question('hi'), model: 'claude-opus-4.8', tools, output_config: { effort: 'high' } };
  const { status, text: said } = await ask(gateway, ROUTES['anthropic-messages'], { body });
  expect([status, JSON.parse(said).error.message]).toEqual([
    400,
    'Improperly formed request. Please report this; a new conversation may help meanwhile. ' +
      'Perhaps it is the number of tools (60 tools of 7541 characters). Offer fewer tools: switch MCP servers off that ' +
      'this work does not need. Perhaps it is the model fields (output_config is sent; thinking is sent; max_tokens is ' +
      'sent). Ask without an effort or a thinking budget.',
  ]);
});

test('where Kiro gives a reason, nothing else is supposed', async () => {
  const gateway = await gatewayFor([refuse({ ...FAILURES.improper, reason: 'TOOL_SCHEMA_INVALID' })]);
  const body = { ...question('hi'), model: 'claude-opus-4.8', output_config: { effort: 'high' } };
  const { text: said } = await ask(gateway, ROUTES['anthropic-messages'], { body });
  expect(JSON.parse(said).error.message).toBe(
    'Improperly formed request. Simplify the input schema of the newest tool, or leave the tool out.',
  );
});

test('an answer that breaks off has its id in the debug log, as every answer of Kiro', async () => {
  const boom = { exception: 'InternalServerException', payload: { message: 'Boom.' } };
  const gateway = await gatewayFor([{ frames: [say('Hel'), boom] }]);
  expect(await messages(gateway)).toEqual([502, 'Boom.', 1]);
  const told = gateway.said().match(/(?<=Kiro answered ).*/g) ?? [];
  const asked = gateway.simulator.requests.filter(({ path }) => !/refreshToken/.test(path)).length;
  expect(told).toEqual(Array.from({ length: asked }, () => expect.stringMatching(/^200: request [0-9a-f-]{36}$/)));
});

test('an event that nobody knows changes no answer, and the log has its name', async () => {
  const unknown = { event: 'somethingNewEvent', payload: { content: 'no' } };
  const known = { event: 'messageMetadataEvent', payload: { conversationId: 'c' } };
  const gateway = await gatewayFor([{ frames: [known, say('Hel'), unknown, say('lo')] }]);
  expect(await messages(gateway)).toEqual([200, 'Hello', 1]);
  expect(gateway.said().match(/unknown event.*/g)).toEqual(['unknown event: somethingNewEvent']);
});

test('the image that Kiro refuses is named', async () => {
  const gateway = await gatewayFor([
    {
      status: 400,
      headers: { 'x-amzn-errortype': 'ValidationException' },
      body: { message: 'Image dimensions exceed the limit', reason: 'IMAGE_DIMENSION_EXCEEDED' },
    },
  ]);
  const url = `data:image/png;base64,${png.data}`;
  const content = [{ type: 'image_url', image_url: { url } }];
  const { status, text: said } = await ask(gateway, ROUTES['openai-chat'], {
    body: { model: 'auto', messages: [{ role: 'user', content }] },
  });
  expect([status, JSON.parse(said).error.message]).toEqual([
    400,
    'Image dimensions exceed the limit. Make the image smaller: at most 8000 pixels on a side. ' +
      'It is image 1 of 1, a PNG of 0.0 MB in message 1.',
  ]);
});
