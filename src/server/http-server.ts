/** The server under the app: its limits of size and time, what it says to what is no request, and its orderly end. */

import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { NextFunction, Request, Response } from 'express';
import { GatewayError } from '../core/errors.js';
import type { Logger } from '../logger.js';
import { inTime } from './sse.js';

/** A server with an end: what has begun is finished, or is told to finish, and no connection is left. */
export type HttpServer = Server & { readonly stop: () => Promise<void> };

export const HTTP_LIMITS = {
  /** Request line and headers together. */
  headBytes: 32_768,
  /** For the head to come, and for a new connection to say anything. */
  headMs: 20_000,
  /** For the whole request to come. The answer may take as long as it likes. */
  requestMs: 300_000,
  /** Between two requests of one connection; longer than clients keep one, so that none is closed under a request. */
  idleMs: 120_000,
  /** How long a client may take nothing of an answer that waits for it, whether that is complete or not. */
  stalledMs: 300_000,
  /** How often the times are looked at. */
  checkMs: 5000,
  connections: 1000,
  /** How long answers may take to end when the gateway stops. */
  drainMs: 3000,
  /** How long the last words of those that did not may take. */
  lastWordsMs: 1000,
};

export type HttpLimits = Readonly<typeof HTTP_LIMITS>;

/** @param hurry Tells open answers to say their last words, when the gateway stops and they take too long. */
export function createHttpServer(
  app: RequestListener,
  { hurry, log, limits = HTTP_LIMITS }: { hurry: () => void; log: Logger; limits?: HttpLimits },
): HttpServer {
  const server = createServer({
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: limits.checkMs,
    insecureHTTPParser: false,
  });
  server.maxConnections = limits.connections;
  server.timeout = limits.stalledMs;
  // Above its limit node leaves headers out and says nothing; the size of the head limits them, and `checkHead`.
  server.maxHeadersCount = 0;
  const answersOn = new Map<Socket, Set<ServerResponse>>();
  let isStopping = false;

  server.on('connection', (socket) => {
    answersOn.set(socket, new Set());
    socket.once('close', () => answersOn.delete(socket));
  });
  // Nothing has passed for some time. An answer may take long to come, but not to be read.
  server.on('timeout', (socket: Socket) => {
    const isWaiting = answersOn.get(socket)?.size !== 0;
    if (!isWaiting || socket.writableLength > 0) socket.destroy();
  });
  server.on('request', (request, response) => {
    const { socket } = request;
    const answers = answersOn.get(socket);
    // What follows an answer that closes the connection may have come with it, and is not meant to be read.
    if ([...(answers ?? [])].some((it) => it.getHeader('connection') === 'close')) return;
    answers?.add(response);
    if (isStopping) response.setHeader('connection', 'close');
    response.once('close', () => {
      answers?.delete(response);
      if (isStopping && answers?.size === 0) socket.destroySoon();
    });
    app(request, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The type is that of a stream; without TLS it is always the socket of the connection.
    const answers = answersOn.get(socket as Socket);
    // Words of ours in the middle of an answer would look like a part of it.
    const isAnswering = [...(answers ?? [])].some(({ headersSent }) => headersSent);
    if (isAnswering || !socket.writable) socket.destroy();
    else socket.end(refusal(FAULTS[error.code ?? ''] ?? NO_HTTP), () => socket.destroy());
  });

  // Such as too many open files: those who are connected are served, others may try again.
  server.on('listening', () => {
    server.on('error', (error) => log.warn('A connection could not be accepted.', error));
  });
  return Object.assign(server, { stop });

  async function stop(): Promise<void> {
    isStopping = true;
    const closed = once(server, 'close');
    // Http's own `close` would cut off answers that wait for a slow reader.
    NetServer.prototype.close.call(server);
    for (const [socket, answers] of answersOn) if (answers.size === 0) socket.destroy();
    await inTime(closed, limits.drainMs);
    hurry();
    await inTime(closed, limits.lastWordsMs);
    server.closeAllConnections();
    await closed;
  }
}

/**
 * What the parser lets pass and no honest client sends; nothing that follows on its connection is read.
 * @throws GatewayError `invalid-request`.
 */
export function checkHead(request: IncomingMessage, response: ServerResponse): void {
  const refused = (status: number, complaint: string): GatewayError => {
    response.setHeader('connection', 'close');
    return new GatewayError('invalid-request', `The ${complaint}.`, { status });
  };
  if ((request.url ?? '').length > MAX_URL_LENGTH)
    throw refused(414, `URL is longer than ${MAX_URL_LENGTH} characters`);
  // Names and values lie side by side.
  if (request.rawHeaders.length > 2 * MAX_HEADERS) throw refused(431, `request has more than ${MAX_HEADERS} headers`);
  // Node believes the first; whoever stands before us may have believed the second.
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(name));
  if (hosts.length > 1) throw refused(400, 'request has more than one Host');
}

export const MAX_URL_LENGTH = 8000;
export const MAX_HEADERS = 200;

type Fault = readonly [status: number, complaint: string];

/** The route is not known yet, so the body has what the clients of every dialect look for. */
function refusal([status, message]: Fault): string {
  const error = { type: 'invalid_request_error', message, param: null, code: null };
  const body = JSON.stringify({ type: 'error', error, request_id: null });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

const NO_HTTP: Fault = [400, 'This is not a request that HTTP/1.1 allows.'];
const FAULTS: Readonly<Record<string, Fault>> = {
  HPE_HEADER_OVERFLOW: [431, 'The head of the request is too large.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The chunk extensions of the request are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request took too long to come.'],
};

/**
 * `/v1/messages` for `//v1/messages`, `/messages`, `/v1/v1/messages`, `/anthropic/v1/messages/`. Azure's clients name the
 * model in the path, too: `/openai/deployments/auto/chat/completions`. The query stays.
 * A path that leads nowhere here is returned as it is.
 */
export function canonicalUrl(url: string): string {
  const [path = '', query] = url.split(/\?(.*)/s);
  const bare = path.replaceAll(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
  const [, rest] = /^(?:\/(?:anthropic|openai))?(?:\/v1)*(?:\/deployments\/[^/]+)?(\/.*)$/.exec(bare) ?? [];
  const isKnown = rest !== undefined && API_PATHS.test(rest);
  return (isKnown ? `/v1${rest}` : bare) + (query === undefined ? '' : `?${query}`);
}

/**
 * The path for a whole URL, which every server has to understand (RFC 9112, 3.2.2) where it names the same host as the
 * header does, which is checked later. Another URL leads nowhere.
 */
export function pathOf(url: string, host = ''): string {
  const [, named, rest] = /^https?:\/\/([^/?]*)\/?(.*)$/is.exec(url) ?? [];
  if (named?.toLowerCase() === host.toLowerCase()) return `/${rest}`;
  // Express would take the host for a part of the path.
  return /^[a-z]/i.test(url) ? `/${url}` : url;
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
