/** What is fuzzed: every reader of what others send, and the HTTP door in front of the first of them. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import initSqlJs from 'sql.js';
import { findLogin, type SourceTools } from '../../src/auth/sources.js';
import { GatewayError, type ErrorKind } from '../../src/core/errors.js';
import { Reader } from '../../src/core/reader.js';
import { begin, type StreamEvent } from '../../src/core/stream.js';
import type { Dialect } from '../../src/dialects/dialect.js';
import { dialects } from '../../src/dialects/index.js';
import { readEnvFile, readSettings } from '../../src/settings.js';
import { createFrameDecoder } from '../../src/kiro/frames.js';
import { readModelPage } from '../../src/kiro/models.js';
import { toTurn } from '../../src/kiro/stream.js';
import { listModels } from '../../src/simulator/control.js';
import { encodeFrame, encodeSceneLine, type SceneLine } from '../../src/simulator/frames.js';
import { checkChatRequest } from '../support/rules.js';
import { readChatStream } from '../support/chat-automaton.js';
import { startGateway } from '../support/gateway.js';
import { readMessagesStream } from '../support/messages-automaton.js';
import { bodyFor, modelNamed } from '../support/requests.js';
import { readResponsesStream } from '../support/responses-automaton.js';
import { cutAt } from '../support/bytes.js';
import { ANSWERS, ASKED, readUpstream, REPLY } from '../support/scenes.js';
import { stream } from '../support/turns.js';
import { NO_SETTINGS } from '../support/stored-login.js';
import { readTurn } from '../support/turn-automaton.js';
import { createChance, type Chance } from './chance.js';
import type { Input, Target } from './engine.js';
import { mutateBytes, mutateHugely, mutateJson, randomBytes, randomJson, wordsOf, type Json } from './mutate.js';

export type Targets = { readonly targets: readonly Target[]; readonly close: () => Promise<void> };

export async function createTargets(): Promise<Targets> {
  const folder = mkdtempSync(join(tmpdir(), 'kiro-gateway-fuzz-'));
  const door = await openDoor();
  const targets = [
    ...dialects.map(readerOf),
    kiroRequests,
    frameDecoder,
    streams,
    modelPages,
    loginFiles(folder),
    await databases(folder),
    envFiles(folder),
    door.target,
  ];
  const close = async (): Promise<void> => {
    await door.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { targets, close };
}

// --- requests

type Recorded = { readonly path: string; readonly headers: Readonly<Record<string, string>>; readonly body: Json };

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'requests');
const recorded: readonly Recorded[] = readdirSync(FIXTURES).map((name): Recorded =>
  JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')),
);
const words = wordsOf(recorded.map(({ body }) => body));

/** Right requests of a dialect, the short ones first in line: they are quick, and most of what can go wrong is in them. */
function bodiesOf(dialect: Dialect): readonly Json[] {
  const own = recorded.filter(({ path }) =>
    [dialect.route, dialect.counting?.route].includes(path.replace(/\?.*/, '')),
  );
  const bodies = own.map(({ body }) => body);
  return [...bodies, ...bodies.map(shortened), ...bodies.map(shortened), ...bodies.map(shortened)];
}

/** The same request with three tools, and no text longer than a line. */
function shortened(value: Json): Json {
  if (typeof value === 'string') return value.startsWith('data:') ? value : value.slice(0, 120);
  if (Array.isArray(value)) return value.slice(0, 6).map((it: Json) => shortened(it));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shortened(item)]));
}

function makeBody(chance: Chance, bodies: readonly Json[]): Json {
  const body = chance.pick(bodies);
  if (chance.is(0.08)) return randomJson(chance, words, 6);
  if (chance.is(0.01)) return mutateHugely(body, chance, words);
  return mutateJson(body, chance, words);
}

function readerOf(dialect: Dialect): Target {
  const bodies = bodiesOf(dialect);
  return {
    name: dialect.name,
    share: 20,
    make: (chance) => ({ body: makeBody(chance, bodies), headers: chance.is(0.1) ? oddHeaders(chance) : {} }),
    run: (input) => outcome(['invalid-request'], () => read(dialect, input)),
  };
}

function oddHeaders(chance: Chance): { readonly [key: string]: Json } {
  const names = ['session_id', 'conversation_id', 'x-claude-code-session-id', 'anthropic-beta', 'x-session-affinity'];
  return Object.fromEntries(names.map((name) => [name, chance.pick(words.texts)]));
}

function read(dialect: Dialect, input: Input) {
  const { body, headers } = (input ?? {}) as { readonly body?: Json; readonly headers?: Record<string, string> };
  return dialect.readRequest(new Reader(body), headers ?? {}).conversation;
}

/** What a reader accepts has to become a body that Kiro takes. */
const kiroRequests: Target = {
  name: 'request to Kiro',
  share: 7,
  make: (chance) => {
    const dialect = chance.pick(dialects);
    return { dialect: dialect.name, body: makeBody(chance, bodiesOf(dialect)) };
  },
  run: (input) =>
    outcome(['invalid-request'], () => {
      const { dialect: name } = (input ?? {}) as { readonly dialect?: string };
      const dialect = dialects.find((it) => it.name === name) ?? dialects[0];
      if (dialect === undefined) return;
      const conversation = read(dialect, input);
      const violation = checkChatRequest(bodyFor(conversation, { model: modelNamed('claude-sonnet-4.5') }));
      // Nobody but Kiro can tell a forged signature; the gateway then asks again without the reasoning.
      if (violation === undefined || violation.detail.endsWith('has reasoning of somebody else')) return;
      throw new Error(`Kiro would refuse the body: ${violation.detail}`);
    }),
};

// --- answers

const scenes: readonly (readonly SceneLine[])[] = ANSWERS.map(readUpstream);
const sceneWords = wordsOf(scenes as unknown as readonly Json[]);

/** Frames that are whole, whatever they say; then their bytes may suffer. */
function makeStream(chance: Chance): Buffer {
  const lines = chance.pick(scenes);
  const frames = lines.map((line) => (chance.is(0.3) ? strangeFrame(line, chance) : encodeSceneLine(line)));
  const bytes = Buffer.concat(chance.is(0.3) ? shuffled(frames, chance) : frames);
  return chance.is(0.4) ? mutateBytes(bytes, chance) : bytes;
}

function strangeFrame(line: SceneLine, chance: Chance): Uint8Array {
  const payload = 'payload' in line ? (line.payload as Json) : null;
  const changed = chance.is(0.02) ? mutateHugely(payload, chance, sceneWords) : mutateJson(payload, chance, sceneWords);
  const name = 'event' in line ? line.event : chance.pick(sceneWords.texts);
  const text = JSON.stringify(changed);
  return encodeFrame({
    headers: {
      ':message-type': chance.is(0.9) ? 'event' : chance.pick(['exception', 'error', '', 'new']),
      [chance.is(0.95) ? ':event-type' : ':exception-type']: chance.is(0.9) ? name : chance.pick(EVENT_NAMES),
    },
    payload: chance.is(0.05) ? mutateBytes(Buffer.from(text), chance) : Buffer.from(text),
  });
}

function shuffled<Item>(items: readonly Item[], chance: Chance): readonly Item[] {
  const kept = items.flatMap((item) => (chance.is(0.15) ? [] : chance.is(0.15) ? [item, item] : [item]));
  return chance.is(0.5) ? kept : kept.toSorted(() => chance.fraction() - 0.5);
}

const EVENT_NAMES = [
  'toolUseEvent',
  'reasoningContentEvent',
  'assistantResponseEvent',
  'metadataEvent',
  'initial-response',
];

const BROKEN_STREAM: readonly ErrorKind[] = ['upstream-protocol', 'upstream-unavailable'];

const frameDecoder: Target = {
  name: 'frame decoder',
  share: 9,
  make: (chance) => (chance.is(0.2) ? randomBytes(chance, chance.below(300)) : mutateBytes(makeStream(chance), chance)),
  run: (input) =>
    outcome(BROKEN_STREAM, () => {
      const decoder = createFrameDecoder();
      for (const chunk of chunksOf(toBytes(input))) for (const frame of decoder.push(chunk)) void frame.payload.length;
      decoder.end();
    }),
};

/** Cut at places that follow from the bytes, so that an input says everything. */
function chunksOf(bytes: Buffer): readonly Uint8Array[] {
  const chance = createChance(bytes.length, 'chunks', bytes[0] ?? 0);
  const count = chance.below(6);
  return cutAt(
    bytes,
    Array.from({ length: count }, () => chance.below(bytes.length + 1)),
  );
}

/** Every kind that Kiro itself can name. */
const KIRO_FAILURES: readonly ErrorKind[] = [
  ...BROKEN_STREAM,
  'invalid-request',
  'login-expired',
  'forbidden',
  'model-not-found',
  'context-overflow',
  'rate-limited',
  'quota-exhausted',
  'overloaded',
];

const streams: Target = {
  name: 'answer stream',
  share: 9,
  make: makeStream,
  run: async (input) => {
    const events: StreamEvent[] = [];
    try {
      const reading = { ...ASKED.reading, readsWrittenCalls: true } as typeof ASKED.reading;
      const turn = toTurn(stream(chunksOf(toBytes(input))), { ...ASKED, reading }, new AbortController().signal);
      for await (const batch of await begin(turn)) events.push(...batch);
    } catch (thrown) {
      return properKind(thrown, KIRO_FAILURES);
    }
    const { error } = readTurn(events);
    readChatStream(written('openai-chat', events));
    readResponsesStream(written('openai-responses', events));
    readMessagesStream(written('anthropic-messages', events));
    return error === undefined ? 'read' : properKind(error, KIRO_FAILURES);
  },
};

function written(name: string, events: readonly StreamEvent[]): string {
  const write = dialects.find((it) => it.name === name)?.createStreamWriter(REPLY);
  return events.map((event) => write?.(event)).join('');
}

const catalogue = { models: listModels() } as unknown as Json;
const catalogueWords = wordsOf([catalogue]);

const modelPages: Target = {
  name: 'list of models',
  share: 2,
  make: (chance) => (chance.is(0.1) ? randomJson(chance, words, 5) : mutateJson(catalogue, chance, catalogueWords)),
  run: (input) => outcome(['upstream-protocol'], () => readModelPage(input)),
};

// --- logins and settings

const LOGIN: Json = {
  accessToken: `aoa${'x'.repeat(60)}`,
  refreshToken: `aor${'y'.repeat(200)}`,
  expiresAt: '2026-08-01T14:33:30.786627Z',
  authMethod: 'IdC',
  provider: 'Enterprise',
  region: 'eu-west-1',
  profileArn: 'arn:aws:codewhisperer:us-east-1:111122223333:profile/EXAMPLE12345',
  clientId: 'client',
  clientSecret: 'z'.repeat(60),
  scopes: ['openid', 'offline_access'],
  tokenEndpoint: 'https://idp.example/token',
  issuerUrl: 'https://idp.example/',
  startUrl: 'https://view.awsapps.com/start',
};
const ROW: Json = {
  access_token: `aoa${'x'.repeat(60)}`,
  refresh_token: `aor${'y'.repeat(200)}`,
  expires_at: '2026-08-01T14:33:30Z',
  region: 'us-east-1',
  profile_arn: 'arn:aws:codewhisperer:us-east-1:111122223333:profile/EXAMPLE12345',
  provider: 'google',
  auth_method: 'external_idp',
  client_id: 'client',
  client_secret: 'z'.repeat(60),
  scopes: 'openid offline_access',
  start_url: 'https://view.awsapps.com/start',
  token_endpoint: 'https://idp.example/token',
  issuer_url: 'https://idp.example/',
};
const loginWords = wordsOf([LOGIN, ROW, { clientIdHash: 'abc', authMethod: 'social', disabled: true, expiresIn: 1 }]);

/** A setting names the login, so nothing else is looked for. */
const TOOLS = {
  now: () => 1_785_000_000_000,
  sleep: () => Promise.resolve(),
  runProgram: () => Promise.resolve(false),
} as unknown as SourceTools;

function loginFiles(folder: string): Target {
  const path = join(folder, 'login.json');
  return {
    name: 'login file',
    share: 5,
    make: (chance) => {
      if (chance.is(0.1)) return randomBytes(chance, chance.below(200));
      const login = chance.is(0.15) ? [LOGIN, LOGIN] : LOGIN;
      const text = Buffer.from(JSON.stringify(mutateJson(login, chance, loginWords)));
      return chance.is(0.3) ? mutateBytes(text, chance) : text;
    },
    run: (input) => {
      writeFileSync(path, toBytes(input));
      return silentOutcome(['not-logged-in'], () =>
        findLogin({ ...NO_SETTINGS, kiroCredsFile: path, homeDirectory: folder }, TOOLS),
      );
    },
  };
}

async function databases(folder: string): Promise<Target> {
  const path = join(folder, 'data.sqlite3');
  const sqlite = await initSqlJs();
  const build = (rows: readonly (readonly [string, string])[]): Buffer => {
    const database = new sqlite.Database();
    try {
      database.run('CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)');
      database.run('CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB)');
      for (const row of rows) database.run('INSERT OR REPLACE INTO auth_kv VALUES (?, ?)', [...row]);
      return Buffer.from(database.export());
    } finally {
      database.close();
    }
  };
  const whole = build(ROW_NAMES.map((name) => [name, JSON.stringify(ROW)]));
  return {
    name: 'login database',
    share: 2,
    make: (chance) => {
      if (chance.is(0.3)) return withTurnedBits(whole, chance);
      if (chance.is(0.2)) return mutateBytes(whole, chance);
      if (chance.is(0.1)) return Buffer.concat([whole.subarray(0, 100), randomBytes(chance, 412)]);
      return build(
        ROW_NAMES.filter(() => chance.is(0.5)).map((name) => {
          const text = JSON.stringify(mutateJson(ROW, chance, loginWords));
          return [name, chance.is(0.1) ? text.slice(chance.below(text.length)) : text] as const;
        }),
      );
    },
    run: (input) => {
      writeFileSync(path, toBytes(input));
      // A log or a journal of the same bytes must not do harm either.
      const chance = createChance(toBytes(input).length, 'side', toBytes(input)[99] ?? 0);
      const side = chance.pick(['', '', '-wal', '-journal']);
      if (side !== '') writeFileSync(path + side, Buffer.concat([SIDE_MAGIC[side] ?? Buffer.alloc(0), toBytes(input)]));
      const tidy = (): void => {
        if (side !== '') rmSync(path + side);
      };
      const settings = { ...NO_SETTINGS, kiroCliDbFile: path, homeDirectory: folder };
      return silentOutcome(['not-logged-in'], () => findLogin(settings, TOOLS)).finally(tidy);
    },
  };
}

/** Damage that leaves every page where it was. */
function withTurnedBits(bytes: Buffer, chance: Chance): Buffer {
  const turned = Buffer.from(bytes);
  for (let left = 1 + chance.below(20); left > 0; left--) {
    const at = chance.below(turned.length);
    turned[at] = (turned[at] ?? 0) ^ (1 << chance.below(8));
  }
  return turned;
}

const ROW_NAMES = [
  'kirocli:social:token',
  'kirocli:odic:token',
  'kirocli:odic:device-registration',
  'kirocli:external-idp:token',
  'codewhisperer:odic:token',
];
const SIDE_MAGIC: Readonly<Record<string, Buffer>> = {
  '-wal': Buffer.from('377f06820025e21800001000', 'hex'),
  '-journal': Buffer.from('d9d505f920a163d7ffffffff', 'hex'),
};

const ENV_FILE = [
  'REFRESH_TOKEN="aor-x"',
  'export SERVER_PORT=9000 # a port',
  "PROXY_API_KEY='a b'",
  'MODEL_ALIASES=fast=claude-haiku-4-5, deep=claude-opus-4-8-max',
  'MAX_BODY_SIZE=32mb',
  'KIRO_API_URL=https://kiro.example/${HOME}',
  'LOG_LEVEL=`DEBUG`',
  'FIRST_TOKEN_TIMEOUT=0.5',
].join('\n');

function envFiles(folder: string): Target {
  const path = join(folder, '.env');
  return {
    name: 'env file',
    share: 3,
    make: (chance) => (chance.is(0.1) ? randomBytes(chance, 200) : mutateBytes(Buffer.from(ENV_FILE), chance)),
    run: async (input) => {
      writeFileSync(path, toBytes(input));
      const trusted = toBytes(input).length % 2 === 0;
      const envFile = await readEnvFile(path, { trusted });
      return outcome(['invalid-request'], () =>
        readSettings({ flags: {}, env: {}, envFiles: [envFile], homeDirectory: folder, version: '1.0.0' }),
      );
    },
  };
}

// --- the door

/** A gateway in this process; what goes through its door is a whole HTTP request with any bytes as its body. */
async function openDoor(): Promise<{ readonly target: Target; readonly close: () => Promise<void> }> {
  const gateway = await startGateway({ keepRequests: 0, env: { LOG_LEVEL: 'ERROR' } });
  const bodies = dialects.map((dialect) => ({ dialect, bodies: bodiesOf(dialect).filter(isShort).map(forKnownModel) }));
  const target: Target = {
    name: 'HTTP door',
    share: 3,
    make: (chance) => {
      const { dialect, bodies: own } = chance.pick(bodies);
      const route = dialect.counting !== undefined && chance.is(0.2) ? dialect.counting.route : dialect.route;
      const text = JSON.stringify(makeBody(chance, own));
      const body = Buffer.from(chance.is(0.01) ? deepened(text, chance) : text);
      const bytes = chance.is(0.3) ? mutateBytes(body, chance) : body;
      return { route, type: chance.is(0.95) ? 'application/json' : chance.pick(TYPES), body: bytes.toString('latin1') };
    },
    run: async (input) => {
      const { route = '/', type = '', body = '' } = (input ?? {}) as { readonly [key: string]: string };
      const { status, text } = await post(gateway.url + route, gateway.key, type, Buffer.from(body, 'latin1'));
      if (status >= 500) throw new Error(`${status}: ${text.slice(0, 300)} ${gateway.said().slice(-600)}`);
      if (status === 200 && /^(?:event|data): /.test(text)) STREAMS[route]?.(text);
      else if (status !== 200) checkError(route, text);
      return String(status);
    },
  };
  return { target, close: gateway.close };
}

/** A text that no JSON of ours could be: a null becomes tens of thousands of lists in each other. */
function deepened(text: string, chance: Chance): string {
  const levels = 1 + chance.below(40_000);
  return text.replace(
    /(?<=[:,[])(?:null|true|false|\d+|"[^"\\]{0,20}")(?=[,}\]])/,
    '['.repeat(levels) + ']'.repeat(levels),
  );
}

/** The same request for a model that the simulator has. */
function forKnownModel(body: Json): Json {
  return { ...(body as { readonly [key: string]: Json }), model: 'claude-sonnet-4.5' };
}

function isShort(body: Json): boolean {
  return JSON.stringify(body).length < 20_000;
}

function post(url: string, key: string, type: string, body: Buffer): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': type, 'content-length': body.length };
    const asking = request(url, { method: 'POST', headers, agent: false, timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    asking.once('timeout', () => asking.destroy(new Error('The door gave no answer for 30 s')));
    asking.once('error', reject);
    asking.end(body);
  });
}

const STREAMS: Readonly<Record<string, (text: string) => unknown>> = {
  '/v1/chat/completions': readChatStream,
  '/v1/responses': readResponsesStream,
  '/v1/messages': readMessagesStream,
};

function checkError(route: string, text: string): void {
  const { type, error } = JSON.parse(text) as { type?: unknown; error?: { type?: unknown; message?: unknown } };
  const isOfDialect = route.startsWith('/v1/messages') ? type === 'error' : type === undefined;
  if (!isOfDialect || typeof error?.type !== 'string' || typeof error.message !== 'string') {
    throw new Error(`This is no error of ${route}: ${text.slice(0, 300)}`);
  }
}

const TYPES = ['text/plain', 'application/vnd.x+json', 'application/json; charset=utf-16', 'application/json;', ''];

// --- outcomes

function outcome(allowed: readonly ErrorKind[], action: () => unknown): string {
  try {
    action();
  } catch (thrown) {
    return properKind(thrown, allowed);
  }
  return 'read';
}

/** Like the other, and the error shows no token. */
async function silentOutcome(allowed: readonly ErrorKind[], action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (thrown) {
    if (thrown instanceof Error && /xxxxxxxx|yyyyyyyy|zzzzzzzz/.test(thrown.message)) {
      throw new Error(`The sentence shows a secret: ${thrown.message}`, { cause: thrown });
    }
    return properKind(thrown, allowed);
  }
  return 'read';
}

/** @throws what is not one of ours, or not of a kind that belongs here, or hides a bug in its cause. */
function properKind(thrown: unknown, allowed: readonly ErrorKind[]): string {
  if (!(thrown instanceof GatewayError)) throw thrown;
  const { cause } = thrown.facts;
  if (cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError) throw cause;
  if (!allowed.includes(thrown.kind)) throw new Error(`${thrown.kind} has no place here: ${thrown.message}`);
  return thrown.kind;
}

function toBytes(input: Input): Buffer {
  return input instanceof Uint8Array ? Buffer.from(input) : Buffer.from(JSON.stringify(input));
}
