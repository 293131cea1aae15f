/** The HTTP shell: routes, one request from door to door, and every failure in the words of its client. */

import express from 'express';
import type { NextFunction, Request, Response } from 'express';

import type { Conversation } from '../core/conversation.js';
import { GatewayError, toGatewayError } from '../core/errors.js';
import { isJsonAnswer } from '../core/json-answer.js';
import { Reader } from '../core/reader.js';
import { collect, type Completion } from '../core/stream.js';
import type { Secret } from '../core/secret.js';
import type { Dialect, Reply } from '../dialects/dialect.js';
import { dialects } from '../dialects/index.js';
import { readModelPage, writeModel, writeModelList } from '../dialects/model-list.js';
import type { Gateway } from '../gateway.js';
import type { Logger } from '../logger.js';
import { createKeyCheck } from './access.js';
import { createOriginCheck, type OriginRules } from './origin.js';
import { describeOutcome, type RequestFacts } from './request-log.js';
import { canonicalUrl } from './routes.js';
import { streamAnswer, type StreamOutcome } from './sse.js';
import { refuseWebSocket } from './upgrade.js';

export type AppDependencies = {
  readonly gateway: Gateway;
  readonly key: Secret;
  readonly origins: OriginRules;
  readonly log: Logger;
  readonly version: string;
  /** Told in `/health` and at `/`: the answers come from the simulator. */
  readonly isSimulator: boolean;
  /** Whether the login can be used, in one word; nothing about the account. */
  readonly loginState: () => string;
  readonly maxBodyBytes: number;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly randomId: () => string;
};

/** An express application; the caller listens with it. */
export function createApp(dependencies: AppDependencies): express.Express {
  const { gateway, log, now, randomId } = dependencies;
  const checkKey = createKeyCheck(dependencies.key);
  const checkOrigin = createOriginCheck(dependencies.origins);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');

  app.use((request, response, next) => {
    const requestId = `req_${randomId().replaceAll('-', '').slice(0, 24)}`;
    response.locals = { requestId, startedAt: now() };
    response.setHeader('request-id', requestId);
    response.setHeader('x-request-id', requestId);
    request.url = canonicalUrl(request.url);
    response.on('close', () => logRequest(request, response));
    next();
  });

  app.use((request, response, next) => {
    const cors = checkOrigin(request.headers);
    response.set(cors);
    if (request.method === 'OPTIONS' && 'access-control-allow-origin' in cors) response.status(204).end();
    else next();
  });

  app.get('/', (_, response) => {
    response.json({ name: 'kiro-gateway', version: dependencies.version, routes: ROUTES, ...simulatorMark() });
  });
  app.get('/health', (_, response) => {
    response.json({
      status: 'ok',
      time: new Date(now()).toISOString(),
      version: dependencies.version,
      login: dependencies.loginState(),
      ...simulatorMark(),
    });
  });
  // Clients probe with HEAD and without a key; they want to know that somebody is here.
  app.head(/.*/, (_, response) => response.status(404).end());
  app.get('/v1/responses', refuseWebSocket);

  app.use((request, _, next) => {
    checkKey(request.headers);
    next();
  });
  app.get('/v1/models', (request, response) => listModels(request, response));
  // A model's id may hold slashes, written as they are or as %2F.
  app.get('/v1/models/*id', ({ params }, response) => retrieveModel([params.id].flat().join('/'), response));
  const readBody = express.json({ limit: dependencies.maxBodyBytes, strict: false, type: JSON_TYPES });
  for (const dialect of dialects) {
    app.post(dialect.route, requireJson, readBody, (request, response) => answer(dialect, request, response));
    const { counting } = dialect;
    if (counting === undefined) continue;
    app.post(counting.route, requireJson, readBody, (request, response) => {
      const { conversation } = dialect.readRequest(new Reader(request.body), request.headers);
      response.json(counting.writeCount(gateway.countTokens(conversation)));
    });
  }
  app.use((request) => {
    const message = `There is no ${request.method} ${request.path}; the routes are ${ROUTES.join(', ')}.`;
    throw new GatewayError('invalid-request', message, { status: 404 });
  });
  app.use((thrown: unknown, request: Request, response: Response, _: NextFunction) => {
    refuse(fromExpress(thrown), request, response);
  });
  return app;

  async function listModels(request: Request, response: Response): Promise<void> {
    const page = readModelPage(new Reader(request.query));
    response.json(writeModelList(await gateway.models(leavingSignal(response)), page));
  }

  async function retrieveModel(id: string, response: Response): Promise<void> {
    response.json(writeModel(await gateway.model(id, leavingSignal(response))));
  }

  async function answer(dialect: Dialect, request: Request, response: Response): Promise<void> {
    const { conversation, stream, includeUsage, notices, replyContext } = dialect.readRequest(
      new Reader(request.body),
      request.headers,
      { fetchesUrls: gateway.fetchesUrls },
    );
    // The body may be megabytes and the answer may take minutes.
    request.body = undefined;
    const facts = factsOf(response);
    facts.model = conversation.model;
    facts.isStreamed = stream;
    const reply: Reply = {
      id: randomId().replaceAll('-', '').slice(0, 24),
      createdAt: Math.floor(now() / 1000),
      model: conversation.model,
      includeUsage,
      replyContext,
    };
    const signal = leavingSignal(response);
    const answering = gateway.converse(conversation, signal);
    if (stream) {
      const write = dialect.createStreamWriter(reply);
      const headersFor = (more: readonly string[]) => noticeHeader([...notices, ...more]);
      record(
        facts,
        await streamAnswer(response, {
          answering,
          write,
          keepAlive: dialect.keepAlive,
          headersFor,
          signal,
          ...PATIENCE,
        }),
      );
      return;
    }
    const { turn, notices: more } = await answering;
    const completion = await collect(turn);
    record(facts, { completion });
    response
      .set(noticeHeader([...notices, ...more, ...formNotices(conversation, completion)]))
      .set(creditHeader(completion))
      .json(dialect.writeResponse(completion, reply));
  }

  function refuse(error: GatewayError, request: Request, response: Response): void {
    record(factsOf(response), { error });
    if (error.kind === 'internal') log.error(`${request.method} ${request.path} failed`, error.facts.cause);
    // An answer that has begun cannot become another one; a client that has left reads none.
    if (response.headersSent || response.closed) {
      response.destroy();
      return;
    }
    const { status, headers, body } = dialectOf(request).writeError(error, requestIdOf(response));
    response.status(status).set(headers).json(body);
  }

  function logRequest(request: Request, response: Response): void {
    const facts = factsOf(response);
    const line = `${request.method} ${request.path} ${describeOutcome(facts, response, now() - facts.startedAt)}`;
    if (facts.outcome?.error === undefined) log.info(line);
    else log.warn(line);
  }

  function simulatorMark(): object {
    return dependencies.isSimulator ? { upstream: 'SIMULATOR' } : {};
  }
}

/** Aborted when the client leaves before the answer is complete: then the upstream is closed at once. */
function leavingSignal(response: Response): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}

function requireJson(request: Request, _: Response, next: NextFunction): void {
  if (request.is(JSON_TYPES) === false) {
    throw new GatewayError('invalid-request', 'content-type: must be application/json', {
      status: 415,
      param: 'content-type',
    });
  }
  next();
}

/** In whose words an error is told: the route's, or those of the SDK that shows itself in the headers. */
function dialectOf(request: Request): Dialect {
  const byRoute = dialects.find((dialect) => request.path.startsWith(dialect.route));
  const name = request.headers['anthropic-version'] === undefined ? 'openai-chat' : 'anthropic-messages';
  const found = byRoute ?? dialects.find((dialect) => dialect.name === name) ?? dialects[0];
  if (found === undefined) throw new Error('There is no dialect to tell an error in.');
  return found;
}

/** What express and its body parser throw carries a status of the client's fault, or it is a bug of ours. */
function fromExpress(thrown: unknown): GatewayError {
  if (!(thrown instanceof Error) || !('status' in thrown) || Number(thrown.status) >= 500)
    return toGatewayError(thrown);
  switch ('type' in thrown ? thrown.type : undefined) {
    case 'entity.too.large':
      return refusedBody('is larger than MAX_BODY_SIZE allows', 413);
    case 'entity.parse.failed':
      return refusedBody(`is not JSON (${redactedReason(thrown)})`);
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return refusedBody(thrown.message, 415);
    case 'request.aborted':
      return new GatewayError('cancelled', 'The client left before its request was complete.', { cause: thrown });
    default:
      return refusedBody(`cannot be read (${thrown.message})`);
  }
}

function refusedBody(complaint: string, status?: number): GatewayError {
  return new GatewayError('invalid-request', `body: ${complaint}`, { status, param: 'body' });
}

/** V8 quotes the text around the fault; where it is helps, what it says may be a secret. */
function redactedReason(thrown: Error): string {
  const position = /at position \d+(?: \(line \d+ column \d+\))?/.exec(thrown.message)?.[0];
  return position ?? 'it ends too early or is empty';
}

/** An answer that is not what it was to be is returned as it was said; the client is told. */
function formNotices({ answerFormat }: Conversation, { blocks, finishReason }: Completion): readonly string[] {
  const isMeantToBeJson = answerFormat !== undefined && finishReason !== 'tool-calls';
  return isMeantToBeJson && !isJsonAnswer(blocks) ? ['response-format=not-json'] : [];
}

/** For who reads headers only; the usage of every answer has it too. */
function creditHeader({ credits }: Completion): Record<string, string> {
  return credits === undefined ? {} : { 'x-kiro-gateway-credits': String(credits) };
}

function noticeHeader(notices: readonly string[]): Record<string, string> {
  return notices.length > 0 ? { 'x-kiro-gateway-notice': notices.join('; ') } : {};
}

function factsOf(response: Response): RequestFacts {
  // The cast is the first middleware, which puts exactly these there.
  return response.locals as RequestFacts;
}

function requestIdOf(response: Response): string {
  return factsOf(response).requestId;
}

function record(facts: RequestFacts, outcome: StreamOutcome): void {
  facts.outcome = outcome;
}

/** Clients give up on headers after 300 s, and on a silent connection after 30 to 60 s. */
const PATIENCE = { headersAfterMs: 10_000, keepAliveMs: 15_000, emptyDeltaMs: 60_000 };

const JSON_TYPES = ['application/json', 'application/*+json'];

const ROUTES = [
  'GET /',
  'GET /health',
  'GET /v1/models',
  'GET /v1/models/{id}',
  ...dialects.flatMap(({ route, counting }) =>
    [route, ...(counting === undefined ? [] : [counting.route])].map((it) => `POST ${it}`),
  ),
];
