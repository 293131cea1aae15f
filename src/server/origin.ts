/** Keeps web pages out: no foreign Host, which DNS rebinding brings, and no foreign Origin. */

import { isIP } from 'node:net';

import { GatewayError } from '../core/errors.js';
import { isLoopback } from './gateway-key.js';

export type OriginRules = {
  /** The address the server listens on. */
  readonly bind: string;
  /** Host names clients may use besides those of loopback; on a public address they are the only ones, if set. */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages that may call: `https://app.example`. */
  readonly corsOrigins: readonly string[];
};

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * A check of one request's headers. It returns the headers that the answer needs: none, unless a web page of
 * `corsOrigins` asks.
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
    // Other schemes are apps and extensions, `null` is a file: both still need the key, and have no cookies to steal.
    if (!/^https?:/.test(origin) || origin.replace(/^https?:\/\//, '') === host.toLowerCase()) return {};
    if (!corsOrigins.has(origin)) {
      throw new GatewayError('forbidden', `The web page ${quoted(origin)} may not call; allow it with CORS_ORIGINS.`);
    }
    return { 'access-control-allow-origin': origin, vary: 'Origin', ...CORS_HEADERS };
  };
}

/** The name in a Host header: without port, brackets, trailing dot and capitals. */
function bareHost(host: string): string {
  const bare = host.trim().toLowerCase();
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(bare)?.[1];
  if (bracketed !== undefined) return bracketed;
  if (isIP(bare) === 6) return bare;
  return bare.replace(/:\d*$/, '').replace(/\.$/, '');
}

/** Names come from outside and end in a sentence of ours. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

const CORS_HEADERS = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': '*, authorization',
  'access-control-expose-headers':
    'x-request-id, request-id, x-kiro-gateway-notice, x-kiro-gateway-credits, retry-after',
  'access-control-max-age': '600',
};
