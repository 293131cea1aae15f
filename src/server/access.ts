/** Who may come in: the gateway key, compared as digests in constant time, and only from headers. */

import { createHash, timingSafeEqual } from 'node:crypto';

import { GatewayError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';

/** A check that throws `unauthorized` unless `Authorization: Bearer` or `x-api-key` holds the key. */
export function createKeyCheck(
  key: Secret,
): (headers: Readonly<Record<string, string | string[] | undefined>>) => void {
  const expected = digest(key.reveal());
  return (headers) => {
    const offered = [headers['x-api-key'], /^Bearer\s+(.+)$/i.exec(String(headers['authorization'] ?? ''))?.[1]];
    const given = offered.filter((it) => typeof it === 'string');
    if (given.some((it) => timingSafeEqual(digest(it.trim()), expected))) return;
    const what = given.length === 0 ? 'The gateway key is missing' : 'The gateway key is wrong (invalid x-api-key)';
    throw new GatewayError('unauthorized', `${what}; \`kiro-gateway serve\` says at its start where the key is.`);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
