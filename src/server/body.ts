/** The body of a request: JSON in UTF-8, bounded in size, depth and number of values, however it is packed. */

import { isUtf8 } from 'node:buffer';

import type { NextFunction, Request, RequestHandler, Response } from 'express';

import { GatewayError, toGatewayError } from '../core/errors.js';
import { JSON_LIMITS, jsonExcess } from '../core/reader.js';

/** Browsers send these types only after a preflight request, which keeps foreign pages out. */
const JSON_TYPES = ['application/json', 'application/*+json'];

/**
 * Refuses what is not JSON before it is read, and leaves the value in `request.body`.
 * @param readBytes Leaves the unpacked bytes there, of at most the size that is allowed, whatever their type.
 */
export function jsonBody(readBytes: RequestHandler): RequestHandler[] {
  const unpack: RequestHandler = (request, response, next) => {
    const { headers } = request;
    // The older name of gzip means the same: RFC 9110, 8.4.1.3.
    if (headers['content-encoding']?.toLowerCase() === 'x-gzip') headers['content-encoding'] = 'gzip';
    readBytes(request, response, next);
  };
  return [requireJson, unpack, parseBody];
}

function requireJson(request: Request, _: Response, next: NextFunction): void {
  // What nearly all clients say needs no parser.
  if (request.headers['content-type'] === 'application/json') {
    next();
    return;
  }
  if (request.is(JSON_TYPES) === false) throw wrongType('must be application/json');
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^(?:utf-?8|us-ascii)$/i.test(charset)) throw wrongType('must be in UTF-8');
  next();
}

function parseBody(request: Request, _: Response, next: NextFunction): void {
  const bytes: unknown = request.body;
  request.body = Buffer.isBuffer(bytes) ? readJson(bytes) : undefined;
  next();
}

/** @throws GatewayError `invalid-request` that says what is wrong and quotes nothing. */
export function readJson(bytes: Buffer): unknown {
  // A decoder would put something else in the place of what it cannot read, and nobody would know.
  if (!isUtf8(bytes)) throw refusedBody('is not valid UTF-8');
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  switch (jsonExcess(text)) {
    case 'depth':
      throw refusedBody(`is nested deeper than ${JSON_LIMITS.depth} levels`);
    case 'values':
      throw refusedBody(`has more than ${JSON_LIMITS.values} values`);
    case undefined:
  }
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw refusedBody(`is not JSON (${redactedReason(thrown)})`);
  }
}

/** What express and its reader of bodies throw carries a status of the client's fault, or it is a bug of ours. */
export function fromExpress(thrown: unknown): GatewayError {
  if (!(thrown instanceof Error) || !('status' in thrown) || Number(thrown.status) >= 500)
    return toGatewayError(thrown);
  if (thrown instanceof URIError)
    return new GatewayError('invalid-request', 'The path cannot be decoded; check its % signs.');
  switch ('type' in thrown ? thrown.type : undefined) {
    case 'entity.too.large':
      return refusedBody('is larger than MAX_BODY_SIZE allows', 413);
    case 'encoding.unsupported':
      return refusedBody(`${thrown.message}; gzip, deflate and br are read`, 415);
    case 'request.aborted':
      return new GatewayError('cancelled', 'The client left before its request was complete.', { cause: thrown });
    default:
      return refusedBody(`cannot be read (${thrown.message})`);
  }
}

function refusedBody(complaint: string, status?: number): GatewayError {
  return new GatewayError('invalid-request', `body: ${complaint}`, { status, param: 'body' });
}

function wrongType(complaint: string): GatewayError {
  const facts = { status: 415, param: 'content-type' };
  return new GatewayError('invalid-request', `content-type: ${complaint}`, facts);
}

/** V8 quotes the text around the fault; where it is helps, what it says may be a secret. */
function redactedReason(thrown: unknown): string {
  const said = thrown instanceof Error ? thrown.message : '';
  return /at position \d+(?: \(line \d+ column \d+\))?/.exec(said)?.[0] ?? 'it ends too early or is empty';
}
