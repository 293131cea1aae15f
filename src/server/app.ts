/** The HTTP shell: routes, one request from door to door, and every failure in the words of its client. */

import express from 'express';
import type { NextFunction, Request, Response } from 'express';

import { GatewayError } from '../core/errors.js';
import { follow } from '../core/signals.js';
import { isJsonAnswer } from '../core/limits.js';
import { Reader } from '../core/reader.js';
import { collect, type Completion } from '../core/stream.js';
import type { Secret } from '../core/secret.js';
import { anthropicMessages } from '../dialects/anthropic-messages.js';
import type { Dialect, Reply } from '../dialects/dialect.js';
import { dialects, writeModel, writeModelList } from '../dialects/index.js';
import { openaiChat } from '../dialects/openai-chat.js';
import type { Answer, Gateway } from '../gateway.js';
import type { Logger } from '../logger.js';
import { createKeyCheck, createOriginCheck, type OriginRules } from './access.js';
import { fromExpress, jsonBody } from './body.js';
import type { DebugCapture } from './debug-capture.js';
import { canonicalUrl, checkHead, pathOf, refuseWebSocket } from './http-server.js';
import { createAnswerStore, type KeptAnswer } from './kept-answers.js';
import { toRecord, type RequestFacts, type RequestWatch } from './request-log.js';
import { PATIENCE, streamAnswer, type StreamOutcome } from './sse.js';

export type AppDependencies = {
  readonly gateway: Gateway;
  readonly key: Secret;
  readonly origins: OriginRules;
  readonly log: Logger;
  readonly requests: RequestWatch;
  readonly version: string;
  /** Told in `/health` and at `/`: the answers come from the simulator. */
  readonly isSimulator: boolean;
  /** Whether the login can be used, in one word; nothing about the account. */
  readonly loginState: () => string;
  readonly maxBodyBytes: number;
  /** Aborted, with the error to tell, when open answers have to end. */
  readonly stopping: AbortSignal;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly randomId: () => string;
  /** Undefined when no turn is to be kept. */
  readonly capture: DebugCapture | undefined;
};

/** An express application; the caller listens with it. */
export function createApp(dependencies: AppDependencies): express.Express {
  const { gateway, log, now, randomId } = dependencies;
  const checkKey = createKeyCheck(dependencies.key, now);
  const checkOrigin = createOriginCheck(dependencies.origins);
  const answers = createAnswerStore();
  const reading = { fetchesUrls: gateway.fetchesUrls, searchesWeb: gateway.searchesWeb, answers };
  const simulatorMark = dependencies.isSimulator ? { upstream: 'SIMULATOR' } : {};
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');

  app.use((request, response, next) => {
    const requestId = `req_${randomId().replaceAll('-', '').slice(0, 24)}`;
    response.setHeader('request-id', requestId);
    response.setHeader('x-request-id', requestId);
    request.url = canonicalUrl(pathOf(request.url, request.headers.host));
    const facts: RequestFacts = { requestId, method: request.method, path: request.path, startedAt: now() };
    response.locals = facts;
    response.on('close', () => dependencies.requests.ended(facts, toRecord(facts, response, now())));
    dependencies.requests.began(facts);
    checkHead(request, response);
    const cors = checkOrigin(request.headers);
    response.set(cors);
    if (request.method === 'OPTIONS' && 'access-control-allow-origin' in cors) response.status(204).end();
    else next();
  });

  const requireKey = async (request: Request, _: Response, next: NextFunction): Promise<void> => {
    await checkKey(request);
    next();
  };
  // These come first, so that a question is not compared with routes that it does not take.
  const readBody = [requireKey, ...jsonBody(express.raw({ limit: dependencies.maxBodyBytes, type: () => true }))];
  for (const dialect of dialects) {
    const { route, counting } = dialect;
    app.post(route, ...readBody, (request: Request, response: Response) => answerCaptured(dialect, request, response));
    if (counting === undefined) continue;
    app.post(counting.route, ...readBody, (request: Request, response: Response) => {
      const { conversation } = dialect.readRequest(new Reader(request.body), request.headers, reading);
      response.json(counting.writeCount(gateway.countTokens(conversation)));
    });
  }

  app.get('/', (_, response) => {
    response.json({ name: 'kiro-gateway', version: dependencies.version, routes: ROUTES, ...simulatorMark });
  });
  app.get('/health', (_, response) => {
    response.json({
      status: 'ok',
      time: new Date(now()).toISOString(),
      version: dependencies.version,
      login: dependencies.loginState(),
      ready: { login: dependencies.loginState() === 'ready', ...gateway.readiness() },
      ...simulatorMark,
    });
  });
  // Clients probe with HEAD and without a key; they want to know that somebody is here.
  app.head(/.*/, (_, response) => response.status(404).end());
  app.get('/v1/responses', refuseWebSocket);

  app.use(requireKey);
  app.get('/v1/models', (request, response) => listModels(request, response));
  // A model's id may hold slashes, written as they are or as %2F.
  app.get('/v1/models/*id', ({ params }, response) => retrieveModel([params.id].flat().join('/'), response));
  app.use((request) => {
    const message = `There is no ${request.method} ${request.path}; the routes are ${ROUTES.join(', ')}.`;
    throw new GatewayError('invalid-request', message, { status: 404 });
  });
  app.use((thrown: unknown, request: Request, response: Response, _: NextFunction) => {
    refuse(fromExpress(thrown), request, response);
  });
  return app;

  async function listModels(request: Request, response: Response): Promise<void> {
    const models = await gateway.models(endingSignal(response, dependencies.stopping));
    response.json(writeModelList(models, new Reader(request.query)));
  }

  async function retrieveModel(id: string, response: Response): Promise<void> {
    response.json(writeModel(await gateway.model(id, endingSignal(response, dependencies.stopping))));
  }

  async function answerCaptured(dialect: Dialect, request: Request, response: Response): Promise<void> {
    if (dependencies.capture === undefined) return answer(dialect, request, response);
    const { method, path, headers, body } = request;
    await dependencies.capture.during({ id: factsOf(response).requestId, method, path, headers, body }, async () => {
      await answer(dialect, request, response);
      return factsOf(response).outcome;
    });
  }

  /** No async function: one would hold on to the body, which may be megabytes, for as long as the answer lasts. */
  function answer(dialect: Dialect, request: Request, response: Response): Promise<void> {
    const asked = dialect.readRequest(new Reader(request.body), request.headers, reading);
    request.body = undefined;
    const { conversation, stream, includeUsage, notices, replyContext } = asked;
    const { model, answerFormat } = conversation;
    const facts = factsOf(response);
    facts.model = model.slice(0, 100);
    facts.isStreamed = stream;
    facts.notices = notices;
    const id = facts.requestId.replace('req_', '');
    const reply: Reply = { id, createdAt: Math.floor(now() / 1000), model, includeUsage, replyContext };
    const signal = endingSignal(response, dependencies.stopping);
    const answering = gateway.converse(conversation, signal);
    answering.then(
      ({ notices: more }) => {
        facts.firstEventAt = now();
        facts.notices = [...notices, ...more];
      },
      () => undefined,
    );
    const telling = { dialect, response, reply, notices, answering };
    return stream ? answerStreamed(telling, signal) : answerWhole(telling, answerFormat !== undefined);
  }

  async function answerStreamed({ dialect, response, reply, notices, answering }: Telling, signal: AbortSignal) {
    const write = dialect.createStreamWriter(reply);
    const outcome = await streamAnswer(response, {
      answering,
      write: (event) => write(event.type === 'error' ? { ...event, error: log.hushed(event.error) } : event),
      keepAlive: dialect.keepAlive,
      headersFor: (more) => noticeHeader([...notices, ...more]),
      signal,
      ...PATIENCE,
    });
    record(factsOf(response), outcome);
    const { completion } = outcome;
    if (completion !== undefined) keep(reply, () => dialect.writeResponse(completion, reply));
  }

  async function answerWhole({ dialect, response, reply, notices, answering }: Telling, isMeantToBeJson: boolean) {
    const { turn, notices: more } = await answering;
    const completion = await collect(turn);
    const told = [...notices, ...more, ...(isMeantToBeJson ? formNotices(completion) : [])];
    factsOf(response).notices = told;
    record(factsOf(response), { completion });
    const whole = dialect.writeResponse(completion, reply);
    const body = toJson(whole);
    response
      .writeHead(200, {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(body),
        ...noticeHeader(told),
        ...creditHeader(completion),
      })
      .end(body);
    keep(reply, () => whole);
  }

  function keep({ replyContext }: Reply, answer: () => object): void {
    // The cast is the one dialect that asks for it: what it writes has an id and items.
    if (replyContext.toKeep !== undefined) answers.keep(answer() as KeptAnswer, replyContext.toKeep);
  }

  function refuse(error: GatewayError, request: Request, response: Response): void {
    record(factsOf(response), { error });
    // An answer that has begun cannot become another one; a client that has left reads none.
    if (response.headersSent || response.closed) {
      response.destroy();
      return;
    }
    const { status, headers, body } = dialectOf(request).writeError(log.hushed(error), factsOf(response).requestId);
    response.status(status).set(headers).json(body);
  }

  function record(facts: RequestFacts, outcome: StreamOutcome): void {
    facts.outcome = outcome;
    const { error } = outcome;
    if (error?.kind === 'internal') log.error(`${facts.method} ${facts.path} failed`, error.facts.cause);
  }
}

/** What it takes to tell an answer that is under way. */
type Telling = {
  readonly dialect: Dialect;
  readonly response: Response;
  readonly reply: Reply;
  readonly notices: readonly string[];
  readonly answering: Promise<Answer>;
};

/** Aborted when the client leaves before the answer is complete, or has to be left: the upstream is closed at once. */
function endingSignal(response: Response, stopping: AbortSignal): AbortSignal {
  const { signal, abort, end } = follow(stopping);
  response.on('close', () => {
    end();
    if (!response.writableFinished) abort(undefined);
  });
  return signal;
}

/** What a model writes may be nested deeper than JSON can be written, or longer than a text can be. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    const message = 'The answer is too long or too deeply nested to be sent in one piece; ask again, or stream it.';
    throw new GatewayError('upstream-protocol', message, { cause });
  }
}

/** In whose words an error is told: the route's, or those of the SDK that shows itself in the headers. */
function dialectOf(request: Request): Dialect {
  const isAnthropic = request.headers['anthropic-version'] !== undefined;
  const byRoute = dialects.find((dialect) => request.path.startsWith(dialect.route));
  return byRoute ?? (isAnthropic ? anthropicMessages : openaiChat);
}

/** An answer that is not what it was to be is returned as it was said; the client is told. */
function formNotices({ blocks, finishReason }: Completion): readonly string[] {
  return finishReason !== 'tool-calls' && !isJsonAnswer(blocks) ? ['response-format=not-json'] : [];
}

/** For clients that read only headers; the usage in the body has it too. */
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

const POSTS = dialects.flatMap(({ route, counting }) => (counting === undefined ? [route] : [route, counting.route]));
const ROUTES = ['GET /', 'GET /health', 'GET /v1/models', 'GET /v1/models/{id}', ...POSTS.map((it) => `POST ${it}`)];
