/** However a session fails, and however much is logged, no secret shows: neither ours nor one that a service echoes. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Chalk } from 'chalk';
import fc from 'fast-check';
import type { Credential, OidcCredential, SocialCredential } from '../../src/auth/credential.js';
import { main } from '../../src/cli.js';
import { createContext, type Context } from '../../src/context.js';
import { Secret } from '../../src/core/secret.js';
import { loginsIn } from '../support/stored-login.js';
import { startTokenServer, type TokenAnswer } from '../support/token-server.js';
import { ARN } from './support.js';
import { callServe } from '../support/call.js';
import { temporaryFolder } from '../support/folder.js';
import { ask, question, ROUTES } from '../support/http.js';
import { until } from '../support/sockets.js';
import { listenForTest } from '../support/upstream.js';

/** They look like nothing that the log would know by its looks. */
const PLANTED = ['stored', 'access', 'client', 'source', 'answered', 'renewed'].map(
  (it) => `planted.${it}.${'q'.repeat(120)}`,
);
const [STORED = '', ACCESS = '', CLIENT = '', SOURCE = '', ANSWERED = '', RENEWED = ''] = PLANTED;

const SOCIAL: SocialCredential = {
  kind: 'social',
  region: 'us-east-1',
  apiRegion: undefined,
  profileArn: ARN,
  refreshToken: new Secret(STORED),
  accessToken: new Secret(ACCESS),
  expiresAt: 0,
};
const OIDC: OidcCredential = {
  ...SOCIAL,
  kind: 'oidc',
  provider: 'builder-id',
  clientId: 'AbC',
  clientSecret: new Secret(CLIENT),
  registrationExpiresAt: 1,
};
const TOKENS = { accessToken: ANSWERED, refreshToken: RENEWED, expiresIn: 3600 };

const echo = fc.constantFrom<object | string>(
  { error: 'invalid_grant', error_description: `dead: ${STORED}` },
  { message: `${STORED} ${CLIENT}`, __type: `ExpiredTokenException#${ACCESS}` },
  `<html>${STORED}</html>`,
  `{"accessToken": "${ANSWERED}", "refreshToken": "${RENEWED}"`,
  `accessToken=${ANSWERED}`,
  { ...TOKENS, accessToken: [ANSWERED] },
  { ...TOKENS, expiresIn: RENEWED },
  { ...TOKENS, refreshToken: { value: RENEWED } },
  [ANSWERED],
);
const failure: fc.Arbitrary<TokenAnswer> = fc.oneof(
  { weight: 1, arbitrary: fc.constant('hang-up' as const) },
  { weight: 8, arbitrary: fc.record({ status: fc.constantFrom(200, 302, 400, 401, 403, 404, 429, 500), body: echo }) },
);
const renewal: fc.Arbitrary<TokenAnswer> = fc.constant({ body: TOKENS });
/** What Kiro's API says to every token. */
const refusal: TokenAnswer = { status: 403, body: { message: 'The bearer token included in the request is invalid.' } };

const SOURCES = {
  missing: undefined,
  broken: `{"refreshToken": "${SOURCE}"`,
  foreign: JSON.stringify({ refreshToken: SOURCE, accessToken: SOURCE, expiresAt: SOURCE, profileArn: SOURCE }),
  older: JSON.stringify({ refreshToken: SOURCE, accessToken: SOURCE, expiresAt: 1, profileArn: ARN }),
  newer: JSON.stringify({ refreshToken: SOURCE, accessToken: SOURCE, expiresAt: '2999-01-01', profileArn: ARN }),
};

const scene = fc.record({
  login: fc.constantFrom<Credential>(SOCIAL, OIDC, { ...SOCIAL, expiresAt: Date.now() + 3_600_000 }),
  level: fc.constantFrom('DEBUG', 'INFO', 'WARN', 'ERROR'),
  source: fc.constantFrom(...Object.values(SOURCES)),
  answers: fc.array(fc.oneof({ weight: 4, arbitrary: failure }, { weight: 1, arbitrary: renewal }), {
    minLength: 1,
    maxLength: 5,
  }),
  disk: fc.constantFrom('good', 'locked away', 'damaged'),
});

test('no failure of a session shows a secret at any log level', async () => {
  const codes = new Set<number>();
  await fc.assert(
    fc.asyncProperty(scene, async ({ login, level, source, answers, disk }) => {
      const home = temporaryFolder();
      const path = join(home, 'source.json');
      if (source !== undefined) writeFileSync(path, source);
      await loginsIn(home).saveLogin('default', login, { store: 'file', source: { name: 'ide', path } });
      if (disk === 'damaged')
        writeFileSync(join(home, 'data', 'logins', 'default~1.json'), `{"credential": "${STORED}`);
      if (disk === 'locked away') {
        mkdirSync(join(home, 'state'), { recursive: true });
        writeFileSync(join(home, 'state', 'locks'), STORED);
      }
      const signIn = await startTokenServer(...answers);
      const api = await startTokenServer(refusal);
      const { context, said } = contextOf({
        KIRO_GATEWAY_HOME: home,
        KIRO_AUTH_URL: signIn.url,
        KIRO_OIDC_URL: signIn.url,
        KIRO_API_URL: api.url,
        LOG_LEVEL: level,
        MAX_RETRIES: '1',
      });
      codes.add(await main(['chat', 'hi'], context));
      expect(PLANTED.filter((it) => said().includes(it.slice(0, 20)))).toEqual([]);
      expect(said()).not.toBe('');
    }),
    { numRuns: 25 },
  );
  expect([...codes].filter((it) => ![1, 4].includes(it))).toEqual([]);
});

test('a renewed token that Kiro says back is in no log, no capture and no answer', async () => {
  const kiro = createServer((request, response) => {
    const { url, headers } = request;
    const said =
      url === '/refreshToken' ? TOKENS : { message: `No ${headers.authorization?.slice('Bearer '.length)}.` };
    request.resume().on('end', () => response.writeHead(said === TOKENS ? 200 : 400).end(JSON.stringify(said)));
  });
  const url = `http://${await listenForTest(kiro)}`;
  const kiroHosts = { KIRO_API_URL: url, KIRO_AUTH_URL: url };
  const served = await callServe([], {
    env: { ...kiroHosts, REFRESH_TOKEN: STORED, DEBUG_MODE: 'all', PROXY_API_KEY: SOURCE },
  });
  const door = { url: served.url, key: SOURCE };
  const { status, text } = await ask(door, ROUTES['openai-chat'], { body: question('hi') });
  await served.stop();
  const folder = join(served.home, 'gateway', 'state', 'debug');
  // The client is not kept waiting for it.
  await until(() => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.json')));
  const captures = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  const seen = [text, served.output.stderr, ...captures].map((it) => [
    it.includes('No [secret].'),
    PLANTED.filter((secret) => it.includes(secret.slice(0, 20))),
  ]);
  expect({ status, seen }).toEqual({ status: 400, seen: [text, 'log', 'capture'].map(() => [true, []]) });
});

const REAL = createContext();

/** The real one, with a terminal that remembers, folders of the test's own, and pauses that take no time. */
function contextOf(env: Readonly<Record<string, string>>): { context: Context; said: () => string } {
  const texts: string[] = [];
  const write = (text: string): void => void texts.push(text);
  const terminal = {
    ...REAL.terminal,
    isInteractive: false,
    style: new Chalk({ level: 0 }),
    note: write,
    log: write,
    aside: write,
    result(text: string) {
      write(text);
      return Promise.resolve(true);
    },
  };
  const machine = { platform: process.platform, env, homeDirectory: env['KIRO_GATEWAY_HOME'] ?? '' };
  const context: Context = {
    ...REAL,
    terminal,
    machine,
    stopSignal: () => new AbortController().signal,
    runProgram: () => Promise.resolve(false),
    loadPrompts: () => Promise.resolve(undefined),
    sleep: (milliseconds, signal) =>
      sleep(milliseconds < 5_000 ? 0 : milliseconds, undefined, { ...(signal && { signal }) }),
  };
  return { context, said: () => texts.join('\n') };
}
