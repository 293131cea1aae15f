/** Who may come in: the gateway key and where it is kept; no foreign Host or web page. */

import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { codeOf, GatewayError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { createShelf } from '../core/shelf.js';
import { readPrivateFile, writePrivateFile } from '../auth/files.js';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export type OriginRules = {
  /** The address the server listens on. */
  readonly bind: string;
  /** Host names clients may use besides those of loopback; on a public address they are the only ones, if set. */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages that may call: `https://app.example`. */
  readonly corsOrigins: readonly string[];
};

/**
 * A check of one request's headers against DNS rebinding, which brings a foreign Host, and foreign pages. It returns
 * the headers that the answer needs: none, unless a web page of `corsOrigins` asks.
 * @throws GatewayError `forbidden` for a foreign Host or Origin.
 */
export function createOriginCheck(rules: OriginRules): (headers: Headers) => Readonly<Record<string, string>> {
  const allowedHosts = new Set(rules.allowedHosts.map(bareHost));
  const corsOrigins = new Set(rules.corsOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')));
  const isOpen = !isLoopback(rules.bind) && allowedHosts.size === 0;

  return (headers) => {
    const host = String(headers['host'] ?? '');
    const name = bareHost(host);
    if (!isOpen && !isLoopback(name) && !allowedHosts.has(name)) {
      throw new GatewayError('forbidden', `The host ${quoted(host)} is not served here; allow it with ALLOWED_HOSTS.`);
    }
    const origin = String(headers['origin'] ?? '').toLowerCase();
    if (corsOrigins.has(origin)) return { 'access-control-allow-origin': origin, vary: 'Origin', ...CORS_HEADERS };
    // Other schemes are apps and extensions, `null` is a file: both still need the key, and have no cookies to steal.
    if (!/^https?:/.test(origin) || origin.replace(/^https?:\/\//, '') === host.toLowerCase()) return {};
    throw new GatewayError('forbidden', `The web page ${quoted(origin)} may not call; allow it with CORS_ORIGINS.`);
  };
}

/** What the key check needs of a request. */
export type Caller = Pick<IncomingMessage, 'headers'> & {
  readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress' | 'destroy'>;
};

/**
 * A check that passes who presents the key in `Authorization: Bearer`, `x-api-key` or Azure's `api-key`, at once and however
 * many others guess. After a few wrong keys each further one from the same address waits for its answer.
 * @param now Unix time in milliseconds.
 * @throws GatewayError `unauthorized`.
 */
export function createKeyCheck(
  key: Secret,
  now: () => number,
  // Does not keep a stopping gateway alive.
  pause: (milliseconds: number) => Promise<unknown> = (it) => sleep(it, undefined, { ref: false }),
): (caller: Caller) => Promise<void> {
  const expected = digest(key.reveal());
  const failures = createShelf<{ readonly count: number; readonly at: number }>(GUESSES.networks);
  let waiting = 0;

  return async ({ headers, socket }) => {
    const offered = [
      headers['x-api-key'],
      headers['api-key'],
      /^Bearer\s+(.+)$/i.exec(headers.authorization ?? '')?.[1],
    ];
    const given = offered.filter((it) => typeof it === 'string');
    if (given.some((it) => timingSafeEqual(digest(it.trim()), expected))) return;
    const what = given.length === 0 ? 'The gateway key is missing' : 'The gateway key is wrong (invalid x-api-key)';
    const milliseconds = given.length === 0 ? 0 : patienceLost(networkOf(socket.remoteAddress ?? ''));
    // Whoever guesses faster than refusals go out does not get to read them.
    if (milliseconds > 0 && waiting >= GUESSES.waiting) socket.destroy();
    else if (milliseconds > 0) {
      waiting++;
      await pause(milliseconds).finally(() => waiting--);
    }
    throw new GatewayError('unauthorized', `${what}; \`kiro-gateway serve\` says at its start where the key is.`);
  };

  /** Counts one more wrong key. @returns how many milliseconds its answer takes. */
  function patienceLost(network: string): number {
    const known = failures.get(network);
    const isOver = known === undefined || Math.abs(now() - known.at) > GUESSES.forgottenAfterMs;
    const count = isOver ? 1 : known.count + 1;
    failures.put(network, { count, at: now() });
    return count <= GUESSES.free ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (count - GUESSES.free - 1), GUESSES.longestMs);
  }
}

/** How wrong keys are slowed down: the first are free, then each waits twice as long as the one before. */
export const GUESSES = { free: 5, longestMs: 4000, forgottenAfterMs: 60_000, waiting: 100, networks: 1000 };
const FIRST_WAIT_MS = 250;

/** One household has as many IPv6 addresses as it likes, and one network. */
function networkOf(address: string): string {
  if (isIP(address) !== 6 || address.includes('.')) return address;
  // What follows `::` may be the machine's own; taken for it, it can only slow down a few wrong keys more.
  return (address.split('::')[0] ?? '').split(':').slice(0, 4).join(':');
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** The name in a Host header: without port, brackets, trailing dot and capitals. */
function bareHost(host: string): string {
  const bare = host.trim().toLowerCase();
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(bare)?.[1];
  if (bracketed !== undefined) return bracketed;
  if (isIP(bare) === 6) return bare;
  return bare.replace(/:\d*$/, '').replace(/\.$/, '');
}

/** A name from outside, short and in quotes, for a sentence of ours. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

const CORS_HEADERS = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': '*, authorization',
  'access-control-expose-headers':
    'x-request-id, request-id, x-kiro-gateway-notice, x-kiro-gateway-credits, retry-after, x-should-retry',
  'access-control-max-age': '600',
};

export type GatewayKey = {
  readonly key: Secret;
  /** The file it is kept in; undefined when the person set it. */
  readonly file: string | undefined;
  /** What a person should know about it, in sentences. */
  readonly notices: readonly string[];
};

/**
 * @param own The setting PROXY_API_KEY.
 * @param place.isShown Whether a person is shown the key, who can then do without the file.
 * @throws GatewayError like `ownKey`; `forbidden` when a key that nobody is shown cannot be kept either.
 */
export async function gatewayKey(
  own: Secret | undefined,
  host: string,
  place: { readonly configFolder: string; readonly isShown: boolean },
): Promise<GatewayKey> {
  return own === undefined ? keptKey(fileIn(place.configFolder), place.isShown) : ownKey(own, host);
}

/** @throws GatewayError `invalid-request` when the address is public and the key too weak for that. */
export function ownKey(own: Secret, host: string): GatewayKey {
  const complaint = weakness(own.reveal());
  if (complaint !== undefined && !isLoopback(host)) {
    const message = `PROXY_API_KEY ${complaint}; on ${host} it must be secret and have at least ${MIN_LENGTH} characters, or not be set.`;
    throw new GatewayError('invalid-request', message);
  }
  return { key: own, file: undefined, notices: complaint === undefined ? [] : [`PROXY_API_KEY ${complaint}.`] };
}

/** True when only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

/** The key that `serve` has made and kept; undefined before its first start, and when it cannot be read. */
export async function lastingKey(configFolder: string) {
  const file = fileIn(configFolder);
  return { file, key: await readKey(file).catch(() => undefined) };
}

function fileIn(configFolder: string): string {
  return join(configFolder, 'gateway-key');
}

async function readKey(file: string): Promise<Secret | undefined> {
  const kept = (await readPrivateFile(file, 1000))?.trim();
  return kept ? new Secret(kept) : undefined;
}

async function keptKey(file: string, isShown: boolean): Promise<GatewayKey> {
  const kept = await readKey(file);
  if (kept !== undefined) return { key: kept, file, notices: [] };
  const made = randomKey();
  try {
    await writePrivateFile(file, `${made.reveal()}\n`, 'kept');
    const winner = await readKey(file);
    // A file that holds no key belongs to nobody.
    if (winner === undefined) await writePrivateFile(file, `${made.reveal()}\n`);
    return { key: winner ?? made, file, notices: [] };
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    const what = `The gateway key cannot be kept in ${file} (${codeOf(cause) || 'unknown'})`;
    const remedy = 'set PROXY_API_KEY to a key of your own, or KIRO_GATEWAY_HOME to a folder that can be written';
    if (!isShown) throw new GatewayError('forbidden', `${what}; ${remedy}.`, { cause });
    return { key: made, file: undefined, notices: [`${what}; it is good until the gateway stops.`] };
  }
}

export function randomKey(): Secret {
  return new Secret(`kgw-${randomBytes(32).toString('base64url')}`);
}

function weakness(key: string): string | undefined {
  if (PUBLISHED_KEYS.has(key.toLowerCase())) return 'is a key from a published example, which everybody knows';
  return key.length < MIN_LENGTH ? `has only ${key.length} characters` : undefined;
}

const MIN_LENGTH = 24;

/** Those of well-known examples that are long enough to pass for a key of one's own. */
const PUBLISHED_KEYS: ReadonlySet<string> = new Set(['my-super-secret-password-123', 'my-super-secret-password']);
