/** One path for the many that clients make out of a base URL, and the one that asks for what is not spoken here. */

import type { NextFunction, Request, Response } from 'express';

import { GatewayError } from '../core/errors.js';

/**
 * `/v1/messages` for `//v1/messages`, `/messages`, `/v1/v1/messages`, `/anthropic/v1/messages/`. The query stays.
 * A path that leads nowhere here is returned as it is.
 */
export function canonicalUrl(url: string): string {
  const [path = '', query] = url.split(/\?(.*)/s);
  const bare = path.replaceAll(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
  const [, rest] = /^(?:\/(?:anthropic|openai))?(?:\/v1)*(\/.*)$/.exec(bare) ?? [];
  const isKnown = rest !== undefined && API_PATHS.test(rest);
  return (isKnown ? `/v1${rest}` : bare) + (query === undefined ? '' : `?${query}`);
}

/** What lies below `/v1`. */
const API_PATHS = /^\/(?:models|chat\/completions|messages|responses)(?:\/|$)/;

/**
 * Codex takes a 426 for "no WebSockets here" and any other answer for a reason to try six times more.
 * Node hands an upgrade on as an ordinary request as long as nobody listens for upgrades. Nobody may: then those who
 * offer HTTP/2 with each request, as Java does, would get no answer.
 */
export function refuseWebSocket(request: Request, _: Response, next: NextFunction): void {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
    next();
    return;
  }
  const message = `There is no WebSocket at ${request.path}; send a POST request, and stream the answer.`;
  throw new GatewayError('invalid-request', message, { status: 426 });
}
