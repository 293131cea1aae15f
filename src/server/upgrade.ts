/** WebSockets, which the gateway does not speak, and how to say so that Codex goes on over HTTP at once. */

import type { NextFunction, Request, Response } from 'express';

import { GatewayError } from '../core/errors.js';

/**
 * Codex takes a 426 for "not here" and any other answer for a reason to try six times more.
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
