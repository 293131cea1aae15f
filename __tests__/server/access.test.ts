/** Who comes in: which Host, which Origin, which key; what a page that was let in is told, and what guessing costs. */

import { expect, test } from '@jest/globals';

import { GatewayError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { createKeyCheck, createOriginCheck, GUESSES, type Caller, type OriginRules } from '../../src/server/access.js';

const LOCAL: OriginRules = { bind: '127.0.0.1', allowedHosts: [], corsOrigins: [] };
const PUBLIC: OriginRules = { ...LOCAL, bind: '0.0.0.0' };

function outcome(rules: OriginRules, headers: Record<string, string>): unknown {
  try {
    return createOriginCheck(rules)(headers);
  } catch (thrown) {
    return thrown instanceof GatewayError ? thrown.kind : thrown;
  }
}

const hosts: readonly (readonly [string, OriginRules, string, boolean])[] = [
  ['127.0.0.1:8000', LOCAL, '127.0.0.1:8000', true],
  ['any port', LOCAL, 'localhost:1', true],
  ['no port', LOCAL, 'localhost', true],
  ['capitals', LOCAL, 'LocalHost:8000', true],
  ['a trailing dot', LOCAL, 'localhost.:8000', true],
  ['IPv6', LOCAL, '[::1]:8000', true],
  ['IPv6 without a port', LOCAL, '[::1]', true],
  ['IPv6 on an IPv6 bind', { ...LOCAL, bind: '::1' }, '[::1]:8000', true],
  ['another loopback address', LOCAL, '127.1.2.3:8000', true],
  ['a rebound name', LOCAL, 'evil.example:8000', false],
  ['a rebound name on an IPv6 bind', { ...LOCAL, bind: '::1' }, 'evil.example:8000', false],
  ['a name that begins like loopback', LOCAL, '127.0.0.1.evil.example', false],
  ['a name that ends like loopback', LOCAL, 'evil-localhost', false],
  ['localhost as a subdomain', LOCAL, 'localhost.evil.example', false],
  ['a name below localhost', LOCAL, 'evil.localhost', false],
  ['loopback as a user', LOCAL, 'localhost@evil.example', false],
  ['no host at all', LOCAL, '', false],
  ['an odd IPv4 spelling', LOCAL, '0x7f.1', false],
  ['an any-address', LOCAL, '0.0.0.0:8000', false],
  ['an allowed name', { ...LOCAL, allowedHosts: ['My.Box'] }, 'my.box:8000', true],
  ['another name beside an allowed one', { ...LOCAL, allowedHosts: ['my.box'] }, 'your.box', false],
  ['any name on a public address without a list', PUBLIC, 'anything.example', true],
  ['a name not in the list on a public address', { ...PUBLIC, allowedHosts: ['my.box'] }, 'other.box', false],
  ['loopback beside the list on a public address', { ...PUBLIC, allowedHosts: ['my.box'] }, 'localhost', true],
];

for (const [what, rules, host, passes] of hosts) {
  test(`host: ${what} ${passes ? 'passes' : 'is refused'}`, () => {
    expect(outcome(rules, { host })).toEqual(passes ? {} : 'forbidden');
  });
}

test('a host that a proxy forwards counts for nothing', () => {
  const forwarded = { 'x-forwarded-host': 'localhost', forwarded: 'host=localhost' };
  expect(outcome(LOCAL, { host: 'evil.example', ...forwarded })).toBe('forbidden');
});

const origins: readonly (readonly [string, string, boolean])[] = [
  ['a foreign page', 'https://evil.example', false],
  ['a page on another local port', 'http://localhost:3000', false],
  ['a foreign page in capitals', 'HTTPS://EVIL.EXAMPLE', false],
  ['the gateway itself', 'http://localhost:8000', true],
  ['an extension', 'vscode-webview://abc', true],
  ['a file', 'null', true],
  ['an app', 'app://obsidian.md', true],
];

for (const [what, origin, passes] of origins) {
  test(`origin: ${what} ${passes ? 'passes without CORS headers' : 'is refused'}`, () => {
    expect(outcome(LOCAL, { host: 'localhost:8000', origin })).toEqual(passes ? {} : 'forbidden');
  });
}

test.each(['https://app.example', 'app://obsidian.md'])('the origin %s gets CORS headers when opted in', (origin) => {
  const rules = { ...LOCAL, corsOrigins: ['https://App.example/', 'app://obsidian.md'] };
  expect(outcome(rules, { host: 'localhost:8000', origin })).toEqual({
    'access-control-allow-origin': origin,
    vary: 'Origin',
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': '*, authorization',
    'access-control-expose-headers':
      'x-request-id, request-id, x-kiro-gateway-notice, x-kiro-gateway-credits, retry-after, x-should-retry',
    'access-control-max-age': '600',
  });
});

const KEY = 'the-gateway-key-of-these-tests';

/** A key check on a clock of the test, and how long each wrong key had to wait. */
function guarded() {
  const waits: number[] = [];
  let time = 1_000_000;
  const pause = (milliseconds: number): Promise<void> => {
    waits.push(milliseconds);
    return Promise.resolve();
  };
  const check = createKeyCheck(new Secret(KEY), () => time, pause);
  const kindOf = (caller: Caller): Promise<unknown> =>
    check(caller).then(
      () => 'in',
      (thrown: unknown) => (thrown instanceof GatewayError ? thrown.kind : thrown),
    );
  return { kindOf, waits, pass: (milliseconds: number) => (time += milliseconds) };
}

function caller(key: string | undefined, remoteAddress = '10.0.0.1', destroy = (): void => undefined): Caller {
  // The cast: of a socket only these two are looked at, and `destroy` returns nothing that is.
  const socket = { remoteAddress, destroy } as unknown as Caller['socket'];
  return { headers: key === undefined ? {} : { 'x-api-key': key }, socket };
}

test('after a few wrong keys each further one waits twice as long, to a limit, and the true key never waits', async () => {
  const { kindOf, waits } = guarded();
  for (let guess = 0; guess < 12; guess++) {
    expect(await kindOf(caller(`wrong-${guess}`))).toBe('unauthorized');
    expect(await kindOf(caller(KEY))).toBe('in');
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
});

test('guesses are counted by address, forgotten after a minute, and no key at all is no guess', async () => {
  const { kindOf, waits, pass } = guarded();
  const guess = async (times: number, from: string) => {
    for (let time = 0; time < times; time++) await kindOf(caller('wrong', from));
  };
  await guess(GUESSES.free, '10.0.0.1');
  await guess(GUESSES.free, '10.0.0.2');
  for (let probe = 0; probe < 20; probe++) await kindOf(caller(undefined, '10.0.0.3'));
  expect(waits).toEqual([]);
  // All addresses of one IPv6 network are one guesser's.
  await guess(GUESSES.free, '2001:db8:1:2:a:b:c:d');
  await guess(1, '2001:db8:1:2:e:f:0:1');
  expect(waits).toEqual([250]);
  // A run of zeros is left out of an address, and does not hide where its network ends.
  await guess(GUESSES.free, '2001:db8::a:b:c:d');
  await guess(1, '2001:db8::e:f:0:1');
  expect(waits).toEqual([250, 250]);
  pass(GUESSES.forgottenAfterMs + 1);
  await guess(1, '10.0.0.1');
  expect(waits).toEqual([250, 250]);
});

test('what is remembered of guessers is bounded: the one that was quiet longest is forgotten', async () => {
  const { kindOf, waits } = guarded();
  for (let guess = 0; guess < GUESSES.free; guess++) await kindOf(caller('wrong', 'first'));
  for (let other = 0; other < GUESSES.networks; other++) await kindOf(caller('wrong', `other-${other}`));
  await kindOf(caller('wrong', 'first'));
  expect(waits).toEqual([]);
});

test('more guesses at once than may wait lose their connection', async () => {
  const held = new Promise<void>(() => undefined);
  const check = createKeyCheck(
    new Secret(KEY),
    () => 0,
    () => held,
  );
  let lost = 0;
  const guess = (): Promise<unknown> => check(caller('wrong', 'one', () => void lost++)).catch(() => undefined);
  for (let free = 0; free < GUESSES.free; free++) await guess();
  for (let waiting = 0; waiting < GUESSES.waiting; waiting++) void guess();
  expect(lost).toBe(0);
  await Promise.all([guess(), guess()]);
  expect(lost).toBe(2);
  await expect(check(caller(KEY, 'one'))).resolves.toBeUndefined();
});
