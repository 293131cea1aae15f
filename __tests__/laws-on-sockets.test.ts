/** The laws that are about connections: early and late, leaving, silence about secrets. */

import { readdir, readFile } from 'node:fs/promises';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { listScenarios, type ScenarioName } from '../src/simulator/scenarios.js';
import { readChatStream } from './support/chat-automaton.js';
import { GATEWAY_KEY, REFRESH_TOKEN, startGateway, until, type RunningGateway } from './support/gateway.js';
import { ask, DIALECTS, open, question, ROUTES, start, type Answer } from './support/http.js';
import { readMessagesStream } from './support/messages-automaton.js';
import { readResponsesStream } from './support/responses-automaton.js';

const gateway = await startGateway();
afterAll(() => gateway.close());

/** In OpenAI's words: status, type and code, in both its dialects but for `IN_RESPONSES`; in Anthropic's: status and type. */
const EARLY: readonly (readonly [ScenarioName, [number, string, string | null], [number, string]])[] = [
  ['throttled', [429, 'rate_limit_error', 'rate_limit_exceeded'], [429, 'rate_limit_error']],
  ['exception-first', [429, 'rate_limit_error', 'rate_limit_exceeded'], [429, 'rate_limit_error']],
  ['capacity', [429, 'rate_limit_error', 'server_is_overloaded'], [529, 'overloaded_error']],
  ['quota', [429, 'rate_limit_error', 'insufficient_quota'], [429, 'rate_limit_error']],
  ['overflow', [400, 'invalid_request_error', 'context_length_exceeded'], [400, 'invalid_request_error']],
  ['improper', [400, 'invalid_request_error', null], [400, 'invalid_request_error']],
  ['suspended', [403, 'permission_error', null], [403, 'permission_error']],
  ['token-expired', [403, 'permission_error', 'login_expired'], [403, 'permission_error']],
  ['server-error', [502, 'server_error', null], [502, 'api_error']],
  ['unavailable', [502, 'server_error', null], [502, 'api_error']],
  ['empty', [502, 'server_error', null], [502, 'api_error']],
  ['metadata-only', [502, 'server_error', null], [502, 'api_error']],
];

const IN_RESPONSES: Partial<Record<ScenarioName, readonly [number, string, string | null]>> = {
  quota: [429, 'usage_limit_reached', 'insufficient_quota'],
  'token-expired': [400, 'permission_error', 'login_expired'],
};

const LATE = ['exception-later', 'error-frame', 'cut', 'damaged'] as const satisfies readonly ScenarioName[];

describe('early: a failure before the first event is a status in the words of its dialect', () => {
  test.each(EARLY)('%s', async (scenario, chat, messages) => {
    for (const stream of [true, false]) {
      const body = question(`[[scenario:${scenario}]]`, { stream });
      const inChat = await ask(gateway, ROUTES['openai-chat'], { body });
      const inResponses = await ask(gateway, ROUTES['openai-responses'], { body });
      expect([inChat, inResponses].map(inOpenAIsWords)).toEqual([
        [...chat, 'string', {}],
        [...(IN_RESPONSES[scenario] ?? chat), 'string', {}],
      ]);
      const inMessages = await ask(gateway, ROUTES['anthropic-messages'], { body });
      const { error, ...around } = JSON.parse(inMessages.text);
      expect([inMessages.status, error.type, typeof error.message]).toEqual([...messages, 'string']);
      expect(around).toEqual({ type: 'error', request_id: inMessages.headers['request-id'] });
    }
  });
});

describe('late: after the first event it is exactly one error event, and then the answer ends', () => {
  test.each(LATE)('%s', async (scenario) => {
    const body = question(`[[scenario:${scenario}]]`, { stream: true });
    const inChat = await ask(gateway, ROUTES['openai-chat'], { body });
    const chat = readChatStream(inChat.text);
    expect([inChat.status, inChat.isComplete, inChat.text.includes('[DONE]')]).toEqual([200, true, false]);
    const inMessages = await ask(gateway, ROUTES['anthropic-messages'], { body });
    const messages = readMessagesStream(inMessages.text);
    expect([inMessages.status, inMessages.isComplete]).toEqual([200, true]);
    expect(inMessages.text).not.toMatch(/message_delta|message_stop/);
    expect(messages.error?.['message']).toBe(chat.error?.['message']);
    const inResponses = await ask(gateway, ROUTES['openai-responses'], { body });
    const responses = readResponsesStream(inResponses.text);
    expect([inResponses.status, inResponses.isComplete]).toEqual([200, true]);
    expect(responses.error).toEqual({ code: 'server_error', message: chat.error?.['message'] });
  });

  test.each(LATE)('%s is a status for those who wait for the whole', async (scenario) => {
    const body = question(`[[scenario:${scenario}]]`);
    const answers = await Promise.all(DIALECTS.map((name) => ask(gateway, ROUTES[name], { body })));
    expect(answers.map(({ status }) => status)).toEqual([502, 502, 502]);
  });
});

describe('leaving: when the client goes, Kiro’s answer is closed and nothing is written after', () => {
  test.each(DIALECTS)('in the middle of a stream of %s', async (name) => {
    await leave(name, { stream: true }, 'stall', async (body) => {
      const { request, response } = await open(gateway, ROUTES[name], { body });
      // The last words before Kiro falls silent.
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await until(() => text.includes('wrong.'));
      return request;
    });
  });

  test.each(DIALECTS)('in the middle of an answer of %s that is not streamed', async (name) => {
    await leave(name, {}, 'stall', async (body) => waitingFor(start(gateway, ROUTES[name], { body })));
  });

  test.each(DIALECTS)('before the first event of %s', async (name) => {
    gateway.simulator.enqueue({ frames: [], thenStall: true });
    await leave(name, { stream: true }, 'text', async (body) => waitingFor(start(gateway, ROUTES[name], { body })));
  });

  test.each(DIALECTS)('before Kiro has answered %s at all', async (name) => {
    gateway.simulator.enqueue({ frames: [], delayMs: 600_000 });
    await leave(name, { stream: true }, 'text', async (body) => waitingFor(start(gateway, ROUTES[name], { body })));
  });

  /** Once Kiro has got the question. */
  async function waitingFor(request: ReturnType<typeof start>): Promise<ReturnType<typeof start>> {
    const before = gateway.asked().length;
    await until(() => gateway.asked().length > before && gateway.asked().at(-1)?.body !== undefined);
    return request;
  }

  async function leave(
    name: keyof typeof ROUTES,
    more: object,
    scenario: ScenarioName,
    begin: (body: object) => Promise<ReturnType<typeof start>>,
  ): Promise<void> {
    const watch = watchWrites(ROUTES[name]);
    const request = await begin(question(`[[scenario:${scenario}]]`, more));
    request.destroy();
    await until(() => gateway.asked().at(-1)?.aborted === true);
    await until(() => watch.isClosed());
    // What a late write needs to happen: the turn's own cleaning up has gone through by the next request's answer.
    await ask(gateway, '/health');
    watch.stop();
    expect(watch.afterClose()).toEqual([]);
  }
});

describe('silence about secrets', () => {
  test('no failure of any scenario tells one, in a log line, a header or a body', async () => {
    const told: string[] = [];
    const scenarios = listScenarios().filter(({ name }) => name !== 'stall');
    for (const { name } of scenarios) {
      for (const stream of [true, false]) {
        const body = question(`[[scenario:${name}]]`, { stream });
        const answers = await Promise.all(DIALECTS.map((dialect) => ask(gateway, ROUTES[dialect], { body })));
        told.push(...answers.map(asText));
      }
    }
    told.push(...(await failuresOfTheShell(gateway)).map(asText));
    told.push(gateway.said());
    const secrets = await secretsOf(gateway);
    expect(secrets.length).toBeGreaterThan(4);
    expect(secrets.filter((secret) => told.some((text) => text.includes(secret)))).toEqual([]);
    expect(gateway.said().split('\n').length).toBeGreaterThan(2 * scenarios.length);
  });

  test('a login that dies is told without its token', async () => {
    const dying = await startGateway({
      accessTokenSeconds: 1,
      env: { REFRESH_TOKEN: `aor${'x'.repeat(120)}dead` },
    }).catch((error: unknown) => String(error));
    expect(dying).toMatch(/login has expired/);
    expect(dying).not.toContain('xdead');
  });
});

function inOpenAIsWords({ status, text }: Answer): readonly unknown[] {
  const { type, code, message, param: _, ...rest } = JSON.parse(text).error;
  return [status, type, code, typeof message, rest];
}

/** What goes wrong before a conversation begins; the body of one holds a secret that V8 would quote. */
async function failuresOfTheShell(to: RunningGateway): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  // Few enough wrong keys, so that none has to wait.
  const wrong = { authorization: 'Bearer a-wrong-key', 'x-api-key': 'another-wrong-key' };
  for (const path of [ROUTES['anthropic-messages'], '/v1/nothing']) {
    answers.push(await ask(to, path, { headers: wrong }));
    answers.push(await ask(to, path, { method: 'POST', headers: wrong, body: {} }));
  }
  for (const path of [...Object.values(ROUTES), '/v1/models', '/v1/nothing', '/health', '/']) {
    answers.push(await ask(to, path, { body: `{"key": ${REFRESH_TOKEN}` }));
    answers.push(await ask(to, path, { body: `${GATEWAY_KEY} is no JSON` }));
    answers.push(await ask(to, path, { body: { messages: [] } }));
    answers.push(await ask(to, path, { body: question('hi'), headers: { 'content-type': 'text/plain' } }));
    answers.push(await ask(to, path));
  }
  return answers;
}

/** The planted ones, those the gateway keeps on the disk, and every token that Kiro or its sign-in service saw. */
async function secretsOf({ home, simulator }: RunningGateway): Promise<readonly string[]> {
  const folder = join(home, 'state', 'tokens');
  const kept = await Promise.all(
    (await readdir(folder)).map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as object),
  );
  const bearers = simulator.requests.map(({ headers }) => (headers.authorization ?? '').replace(/^Bearer /, ''));
  const refreshes = simulator.requests.flatMap(({ path, body }) =>
    path === '/refreshToken' ? [String(Object.values(Object(body) as object)[0])] : [],
  );
  const found = [GATEWAY_KEY, REFRESH_TOKEN, ...bearers, ...refreshes];
  for (const tokens of kept) {
    found.push(...Object.entries(tokens).flatMap(([name, value]) => (name.endsWith('Token') ? [String(value)] : [])));
  }
  return [...new Set(found)].filter((secret) => secret !== '');
}

function asText({ headers, text }: Answer): string {
  return `${JSON.stringify(headers)}\n${text}`;
}

/** Watches what the gateway writes to the answers of a route after their client has gone. */
function watchWrites(path: string): {
  readonly isClosed: () => boolean;
  readonly afterClose: () => readonly unknown[];
  readonly stop: () => void;
} {
  const late: unknown[] = [];
  let isClosed = false;
  const onRequest = (message: unknown): void => {
    // Node's own channel: every server of this process announces its requests there.
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    if (request.url !== path) return;
    const write = response.write.bind(response) as (...args: unknown[]) => boolean;
    response.once('close', () => {
      isClosed = true;
    });
    response.write = (...args: unknown[]) => {
      if (isClosed) late.push(args[0]);
      return write(...args);
    };
    const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
    response.end = (...args: unknown[]) => {
      if (isClosed && args[0]) late.push(args[0]);
      return end(...args);
    };
  };
  subscribe('http.server.request.start', onRequest);
  return {
    isClosed: () => isClosed,
    afterClose: () => late,
    stop: () => unsubscribe('http.server.request.start', onRequest),
  };
}
