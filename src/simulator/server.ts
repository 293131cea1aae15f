/** A stand-in for the whole Kiro upstream on one port: sign-in, control plane, chat and web search. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { ReceivedRequest } from './exchange.js';
import type { Pace, Reply } from './reply.js';
import type { LogEntry, RequestLog } from './request-log.js';
import type { Handler } from './router.js';
import { createExchange } from './exchange.js';
import { FAILURES } from './failures.js';
import { readBody, refuse, send } from './http.js';
import { createRequestLog } from './request-log.js';
import { createRouter } from './router.js';
import { isScenarioName } from './scenarios.js';
import { createTokenDesk } from './tokens.js';

export type { ReceivedRequest } from './exchange.js';
export type { Reply } from './reply.js';
export { DEMO_REFRESH_TOKEN } from './tokens.js';

export type SimulatorOptions = {
  /** 127.0.0.1 unless told otherwise. */
  readonly host?: string;
  /** Any free one unless told otherwise. */
  readonly port?: number;
  /** Answers every prompt that names no other scenario; ordinary answers without it. */
  readonly scenario?: string;
  /** `none` leaves out every pause; `human` unless told otherwise. */
  readonly pace?: Pace;
  /** 3600 unless told otherwise. */
  readonly accessTokenSeconds?: number;
  /** How many requests the log remembers: 1000 unless told otherwise, 0 for a long run. */
  readonly keepRequests?: number;
};

export type Simulator = {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  /** Scripts the next answers of the chat endpoint, for requests that pass the rules. */
  readonly enqueue: (...replies: readonly Reply[]) => void;
  /** Forgets the requests and the scripted answers; tokens stay as they are. */
  readonly reset: () => void;
  readonly revokeAccessTokens: () => void;
  readonly close: () => Promise<void>;
};

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const {
    host = '127.0.0.1',
    port = 0,
    scenario,
    pace = 'human',
    accessTokenSeconds = 3600,
    keepRequests = 1000,
  } = options;
  if (scenario !== undefined && !isScenarioName(scenario)) throw new Error(`There is no scenario "${scenario}".`);
  const replies: Reply[] = [];
  const log = createRequestLog(keepRequests);
  const desk = createTokenDesk(accessTokenSeconds, Date.now);
  const route = createRouter({ desk, pace, scenario, nextReply: () => replies.shift() });
  const server = createServer((request, response) => void serve({ request, response }, log, route));
  // Longer than any client keeps an idle connection, so that none is closed under a request on its way.
  server.keepAliveTimeout = 120_000;
  server.listen(port, host);
  await once(server, 'listening');
  return {
    url: urlOf(server, host),
    requests: log.entries,
    enqueue: (...more) => void replies.push(...more),
    reset: () => {
      replies.length = 0;
      log.clear();
    },
    revokeAccessTokens: desk.revokeAccessTokens,
    close: () => close(server),
  };
}

type Meeting = { readonly request: IncomingMessage; readonly response: ServerResponse };

/** Notes the request, reads its body, lets it be answered, and survives whatever the client does meanwhile. */
async function serve({ request, response }: Meeting, log: RequestLog, route: Handler): Promise<void> {
  const leaving = new AbortController();
  const { method = 'GET', url: path = '/', headers } = request;
  const entry: LogEntry = { method, path, headers, body: undefined, aborted: false };
  log.add(entry, Number(headers['content-length'] ?? 0));
  let isOurDoing = false;
  response.once('close', () => {
    entry.aborted = !response.writableFinished && !isOurDoing;
    leaving.abort();
  });
  // Writing to a client that has just left is no fault of ours.
  response.on('error', () => leaving.abort());
  try {
    const text = await readBody(request);
    if (text === undefined) {
      response.shouldKeepAlive = false;
      request.resume();
      return send(response, refuse(FAILURES.bodyTooLarge));
    }
    const exchange = createExchange(request, text, {
      response,
      signal: leaving.signal,
      hangUp: () => {
        isOurDoing = true;
        response.destroy();
      },
      noteViolation: (violation) => void (entry.violation = violation),
    });
    entry.body = exchange.body;
    await route(exchange);
  } catch (error) {
    if (!leaving.signal.aborted) fail(response, error);
  }
}

/** A fault of the simulator itself; it must be seen, so it answers with its own words. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else send(response, { status: 500, body: `The simulator failed: ${String(error)}\n` });
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The simulator listens on no port.');
  const isAnyHost = host === '0.0.0.0' || host === '::';
  const name = isAnyHost ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${address.port}`;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
