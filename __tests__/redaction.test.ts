/** Silence about secrets: twenty-odd kinds are planted everywhere, everything fails, and none is found on disk or screen. */

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as send, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { listScenarios } from '../src/simulator/scenarios.js';
import { type Simulator, startSimulator } from '../src/simulator/server.js';
import { call } from './support/call.js';
import { serve, type Ended } from './support/command.js';
import { temporaryFolder } from './support/folder.js';
import { ask, DIALECTS, question, ROUTES, type Asking, type Door } from './support/http.js';
import { listen, until } from './support/sockets.js';

/** What must never be seen. The values differ from each other in every part that a search looks for. */
const SECRETS = {
  'refresh token': `reusable-${'R1planted'.repeat(14)}`,
  'access token': `aoa${'A1planted'.repeat(12)}`,
  'client secret': 'C1planted-client-secret-0123456789-0123456789',
  'gateway key': 'G1planted-gateway-key-0123456789',
  'Kiro API key': 'ksk_K1plantedKiroApiKey0123456789',
  'proxy password': 'P1plantedproxypassword',
  'wrong gateway key': 'W1planted-wrong-gateway-key-0123',
  'key of another service': 'sk-ant-api03-S1plantedOtherService0123456789',
  'cookie of a client': 'D1plantedcookieofaclient',
  'basic authorization': Buffer.from('user:B1planted-password').toString('base64'),
  'key in a query': 'Q1plantedkeyinaquery',
  'bearer in an error': 'E1planted.bearer.in.an.error.0123456789',
  'JWT in an error': `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"sub":"J1planted"}').toString('base64url')}.J1plantedSignature`,
  'AWS access key id': 'AKIAX1PLANTEDACCESSK',
  'AWS secret key': 'X2plantedAwsSecretKey/0123456789+abcdefg',
  'AWS session token': 'IQoJb3JpZ2luX3X3plantedAwsSessionToken0123456789',
  'cookie of Kiro': 'V1plantedcookieofkiro',
  'password in an error': 'M1plantedPasswordInAnError',
  'refresh token in an error': `aor${'N1planted'.repeat(12)}`,
  'token in a redirect': 'L1plantedTokenInARedirect',
  'bearer in a prompt': 'T1planted.bearer.in.a.prompt.0123456789',
  'AWS key in a prompt': 'AKIAT2PLANTEDACCESSK',
  'JWT in a tool result': `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"sub":"U1planted"}').toString('base64url')}.U1plantedSignature`,
} as const;

/** What Kiro says on its worst days: its own words with somebody's secrets in them. */
const LEAKS = [
  `The bearer was refused. authorization: Bearer ${SECRETS['bearer in an error']}`,
  `Invalid token ${SECRETS['JWT in an error']} for this operation`,
  `Signature of ${SECRETS['AWS access key id']} differs: aws_secret_access_key=${SECRETS['AWS secret key']}`,
  `{"x-amz-security-token":"${SECRETS['AWS session token']}","password":"${SECRETS['password in an error']}"}`,
  `Could not refresh {"refreshToken":"${SECRETS['refresh token in an error']}"}`,
] as const;

let simulator: Simulator;
let kiro: Server;
let url = '';
const home = temporaryFolder();
const outputs: Record<string, string> = {};
const statuses: number[] = [];
/** The gateway's files by their paths, also those that are gone again. */
const written: Record<string, string> = {};

beforeAll(async () => {
  simulator = await startSimulator({ pace: 'none' });
  kiro = createServer((request, response) => void relay(request, response));
  url = `http://${await listen(kiro)}`;
  await plantEverywhere();
});

afterAll(async () => {
  kiro.closeAllConnections();
  kiro.close();
  await simulator.close();
  rmSync(home, { recursive: true, force: true });
});

/** The simulator, but for prompts that ask for a leak, and with a cookie on top. */
async function relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  response.setHeader('set-cookie', `session=${SECRETS['cookie of Kiro']}; HttpOnly`);
  const leak = /\[\[leak:(\d)\]\]/.exec(body.toString())?.[1];
  if (leak === String(LEAKS.length)) {
    const location = `https://elsewhere.example/?access_token=${SECRETS['token in a redirect']}`;
    return void response.writeHead(307, { location }).end();
  }
  if (leak !== undefined) {
    const status = [403, 401, 500, 400, 429][Number(leak)] ?? 500;
    return void response.writeHead(status).end(JSON.stringify({ message: LEAKS[Number(leak)], reason: null }));
  }
  const asking = send(simulator.url + (request.url ?? ''), { method: request.method, headers: request.headers });
  asking.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
    answer.on('error', () => response.destroy());
    answer.on('close', () => (answer.complete ? undefined : response.destroy()));
  });
  asking.on('error', () => response.destroy());
  response.on('close', () => asking.destroy());
  asking.end(body);
}

async function plantEverywhere(): Promise<void> {
  const login = join(home, 'login.json');
  writeFileSync(
    login,
    JSON.stringify({
      authMethod: 'IdC',
      provider: 'Enterprise',
      region: 'us-east-1',
      refreshToken: SECRETS['refresh token'],
      accessToken: SECRETS['access token'],
      expiresAt: '2020-01-01T00:00:00Z',
      clientId: 'client-of-the-test',
      clientSecret: SECRETS['client secret'],
    }),
  );
  const env = {
    HOME: home,
    KIRO_GATEWAY_HOME: join(home, 'gateway'),
    KIRO_CREDS_FILE: login,
    KIRO_API_URL: url,
    KIRO_AUTH_URL: url,
    KIRO_OIDC_URL: url,
    PROXY_API_KEY: SECRETS['gateway key'],
    LOG_LEVEL: 'DEBUG',
    DEBUG_MODE: 'all',
    MAX_RETRIES: '2',
    BASE_RETRY_DELAY: '0',
    STREAMING_READ_TIMEOUT: '0.3',
  };
  // Without repetitions, before which Kiro's lack of capacity is waited for.
  await serveEverything({ ...env, MAX_RETRIES: '1' });
  const commands: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>])[] = [
    ['chat', ['chat', 'hi'], env],
    ['chat of a leak', ['chat', '[[leak:2]]'], env],
    ['chat of a redirect', ['chat', `[[leak:${LEAKS.length}]]`], env],
    ['models', ['models'], env],
    ['status', ['status'], env],
    ['models by key', ['models'], { ...env, KIRO_CREDS_FILE: '', KIRO_API_KEY: SECRETS['Kiro API key'] }],
    ['models by proxy', ['models'], { ...env, VPN_PROXY_URL: `http://me:${SECRETS['proxy password']}@127.0.0.1:9` }],
    ['chat of no login', ['chat', 'hi'], { ...env, KIRO_CREDS_FILE: '', REFRESH_TOKEN: SECRETS['proxy password'] }],
  ];
  await Promise.all(
    commands.map(async ([name, words, more]) => {
      outputs[name] = textOf(await call(words, { env: more, workingDirectory: home }));
    }),
  );
  Object.assign(written, filesNow());
}

/** Every failure of the simulator's, every leak, and clients that bring secrets of their own. */
async function serveEverything(env: Readonly<Record<string, string>>): Promise<void> {
  const served = await serve([], { env, workingDirectory: home });
  const door: Door = { url: served.url, key: SECRETS['gateway key'] };
  const prompts = [
    ...listScenarios().map(({ name }) => `[[scenario:${name}]]`),
    ...Array.from({ length: LEAKS.length + 1 }, (_, leak) => `[[leak:${leak}]]`),
    `What is wrong here? curl -H "Authorization: Bearer ${SECRETS['bearer in a prompt']}"`,
    `My key is ${SECRETS['AWS key in a prompt']}.`,
  ];
  const questions = prompts.flatMap((prompt, index) => {
    const dialect = DIALECTS[index % DIALECTS.length] ?? 'openai-chat';
    return [true, false].map((stream): Asked => [ROUTES[dialect], { body: question(prompt, { stream }) }]);
  });
  const hostile: readonly Asked[] = [
    [
      ROUTES['openai-chat'],
      { headers: { authorization: `Bearer ${SECRETS['wrong gateway key']}` }, body: question('hi') },
    ],
    [
      ROUTES['anthropic-messages'],
      { headers: { 'x-api-key': SECRETS['key of another service'] }, body: question('hi') },
    ],
    [ROUTES['openai-responses'], { headers: { cookie: `a=${SECRETS['cookie of a client']}` }, body: question('hi') }],
    ['/v1/models', { headers: { authorization: `Basic ${SECRETS['basic authorization']}` } }],
    [`/v1/models?api_key=${SECRETS['key in a query']}`, {}],
    [`/v1/nowhere?token=${SECRETS['key in a query']}`, { body: question('hi') }],
    [ROUTES['openai-chat'], { body: `{"password":"${SECRETS['password in an error']}` }],
    [ROUTES['anthropic-messages'], { body: toolResult() }],
  ];
  const askAll = async (asked: readonly Asked[]) => {
    const answers = await Promise.all(asked.map(([path, asking]) => ask(door, path, asking)));
    statuses.push(...answers.map(({ status }) => status));
    return answers.map(({ headers }) => `state/debug/${String(headers['request-id'])}.json`);
  };
  // Captures come after the answers, and only the newest are kept, so the disk is looked at in between.
  while (questions.length > 0) {
    const captures = await askAll(questions.splice(0, 20));
    await until(() => {
      Object.assign(written, filesNow());
      return captures.every((path) => path in written);
    });
  }
  await askAll(hostile);
  await served.stop();
  outputs['serve'] = served.output.stdout + served.output.stderr;
}

type Asked = readonly [path: string, asking: Asking];

function toolResult(): object {
  const content = [{ type: 'tool_result', tool_use_id: 't1', content: `token ${SECRETS['JWT in a tool result']}` }];
  const call = { type: 'tool_use', id: 't1', name: 'look', input: { password: SECRETS['password in an error'] } };
  const messages = [
    { role: 'user', content: 'Look.' },
    { role: 'assistant', content: [call] },
    { role: 'user', content },
  ];
  const tools = [{ name: 'look', input_schema: { type: 'object' } }];
  return { model: 'claude-sonnet-4.5', max_tokens: 100, messages, tools };
}

function textOf({ stdout, stderr }: Ended): string {
  return stdout + stderr;
}

/** All that the gateway has written, but for the login itself and the tokens that it became. */
function filesNow(): Readonly<Record<string, string>> {
  const folder = join(home, 'gateway');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
  const paths = files.map((it) => relative(folder, join(it.parentPath, it.name)));
  const own = paths.filter((path) => !/^(?:data|state\/tokens)\//.test(path));
  return Object.fromEntries(own.flatMap((path) => textIn(path, join(folder, path))));
}

/** Nothing where the gateway has just removed the file: it keeps the newest captures only. */
function textIn(name: string, path: string): readonly (readonly [string, string])[] {
  try {
    return [[name, readFileSync(path, 'utf8')]];
  } catch {
    return [];
  }
}

/** Where each secret shows, by its name; a part of it that is long enough to be of use counts too. */
function findings(texts: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(texts).flatMap(([place, text]) =>
    Object.entries(SECRETS).flatMap(([name, secret]) => {
      const at = text.indexOf(secret.slice(-20));
      return at === -1 ? [] : [`${name} in ${place}: …${text.slice(Math.max(0, at - 80), at)}…`];
    }),
  );
}

test('the failures happened, and so did the answers', () => {
  const captures = Object.keys(written).flatMap((path) =>
    path.startsWith('state/debug/') ? [written[path] ?? ''] : [],
  );
  expect({
    hasGood: statuses.includes(200),
    hasRefused: [400, 401, 403, 404, 429, 502].filter((it) => !statuses.includes(it)),
    chat: outputs['chat']?.includes('Hello!'),
    models: outputs['models']?.includes('claude-sonnet-4.5'),
    captures: captures.length >= statuses.length / 2,
    hidden: captures.some((text) => text.includes('[secret]')),
    log: outputs['serve']?.includes(' DEBUG '),
  }).toEqual({ hasGood: true, hasRefused: [], chat: true, models: true, captures: true, hidden: true, log: true });
});

test(`none of ${Object.keys(SECRETS).length} planted secrets is on the screen`, () => {
  expect(findings(outputs)).toEqual([]);
});

test(`none of ${Object.keys(SECRETS).length} planted secrets is on the disk`, () => {
  expect(findings(written)).toEqual([]);
});

test('no token that Kiro issued meanwhile is on screen or disk', () => {
  const bearers = simulator.requests.map(({ headers }) => /Bearer (\S+)/.exec(headers.authorization ?? '')?.[1] ?? '');
  const issued = [...new Set(bearers)].filter((it) => it !== '' && !Object.values<string>(SECRETS).includes(it));
  const texts = [...Object.values(outputs), ...Object.values(written)].join('\n');
  expect({ hasIssued: issued.length > 0, seen: issued.filter((it) => texts.includes(it.slice(-20))) }).toEqual({
    hasIssued: true,
    seen: [],
  });
});
