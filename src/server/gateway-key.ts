/** The key that our clients present: the person's own, or one made once and kept in a private file. */

import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';

import { readPrivateFile, writePrivateFile } from '../auth/files.js';
import { GatewayError } from '../core/errors.js';
import { Secret } from '../core/secret.js';

export type GatewayKey = {
  readonly key: Secret;
  /** The file it is kept in; undefined when the person set it. */
  readonly file: string | undefined;
  /** What a person should know about it, in sentences. */
  readonly notices: readonly string[];
};

export type KeyPlace = {
  readonly configFolder: string;
  /** True when a person is shown the key, who can then do without the file. */
  readonly isShown: boolean;
};

/**
 * @param own The setting PROXY_API_KEY.
 * @throws GatewayError `invalid-request` when the address is public and the key too weak for that; `forbidden` when a
 * key that nobody is shown cannot be kept either.
 */
export async function gatewayKey(own: Secret | undefined, host: string, place: KeyPlace): Promise<GatewayKey> {
  if (own === undefined) return keptKey(fileIn(place.configFolder), place.isShown);
  const complaint = weakness(own.reveal());
  if (complaint === undefined) return { key: own, file: undefined, notices: [] };
  if (isLoopback(host)) return { key: own, file: undefined, notices: [`PROXY_API_KEY ${complaint}.`] };
  throw new GatewayError(
    'invalid-request',
    `PROXY_API_KEY ${complaint}; a gateway on ${host} needs a key of at least ${MIN_LENGTH} characters of its own.`,
  );
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
    await writePrivateFile(file, `${made.reveal()}\n`);
    return { key: made, file, notices: [] };
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    const what = `The gateway key cannot be kept in ${file} (${codeOf(cause)})`;
    const remedy = 'set PROXY_API_KEY to a key of your own, or KIRO_GATEWAY_HOME to a folder that can be written';
    if (!isShown) throw new GatewayError('forbidden', `${what}; ${remedy}.`, { cause });
    return { key: made, file: undefined, notices: [`${what}; it is good until the gateway stops.`] };
  }
}

function codeOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : 'unknown';
}

export function randomKey(): Secret {
  return new Secret(`kgw-${randomBytes(32).toString('base64url')}`);
}

function weakness(key: string): string | undefined {
  if (PUBLISHED_KEYS.has(key.toLowerCase())) return 'is a key from a published example, which everybody knows';
  return key.length < MIN_LENGTH ? `has only ${key.length} characters` : undefined;
}

const MIN_LENGTH = 24;

const PUBLISHED_KEYS: ReadonlySet<string> = new Set([
  'my-super-secret-password-123',
  'my-super-secret-password',
  'my-secret-password',
  'your-secure-password',
  'your-secret-password',
  'your-api-key',
  'your-proxy-api-key',
  'changeme',
  'change-me',
  'password',
  'secret',
  'admin123',
  '123456',
  'sk-1234',
  'sk-test',
]);
