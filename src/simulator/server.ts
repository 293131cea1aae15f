/** A stand-in for the whole Kiro upstream on one port: sign-in, control plane, chat and web search. */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answer } from './answers.js';
import {
  answerControl,
  answerMcp,
  type CatalogueModel,
  findRestOperation,
  findTargetOperation,
  listClientModels,
  listModels,
} from './control.js';
import {
  createExchange,
  createRequestLog,
  type Exchange,
  FAILURES,
  type LogEntry,
  readBody,
  type ReceivedRequest,
  refuse,
  type RequestLog,
  send,
} from './exchange.js';
import { type Pace, type Reply, writeStream } from './frames.js';
import { judgeChatRequest } from './rules.js';
import { isScenarioName, type ScenarioName, SCENARIOS } from './scenarios.js';
import { compose, findMarker, type Prompt, readPrompt, say } from './script.js';
import { type Caller, createSignIn, createTokenDesk, type TokenDesk } from './sign-in.js';

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
  const { host = '127.0.0.1', port = 0, scenario, pace = 'human' } = options;
  const { accessTokenSeconds = 3600, keepRequests = 1000 } = options;
  if (scenario !== undefined && !isScenarioName(scenario)) throw new Error(`There is no scenario "${scenario}".`);
  const replies: Reply[] = [];
  const log = createRequestLog(keepRequests);
  const desk = createTokenDesk(accessTokenSeconds, Date.now);
  const route = createRouter({ desk, pace, scenario, nextReply: () => replies.shift() });
  const server = createServer((request, response) => void serve(request, response, { log, route }));
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

type Service = { readonly log: RequestLog; readonly route: Handler };

/** Notes the request, reads its body, lets it be answered, and survives whatever the client does meanwhile. */
async function serve(request: IncomingMessage, response: ServerResponse, { log, route }: Service): Promise<void> {
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
    if (leaving.signal.aborted) return;
    // A fault of the simulator itself; it must be seen, so it answers with its own words.
    if (response.headersSent) response.destroy();
    else send(response, { status: 500, body: `The simulator failed: ${String(error)}\n` });
  }
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The simulator listens on no port.');
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${address.port}`;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

type Handler = (exchange: Exchange) => Promise<void>;

type RouterOptions = {
  readonly desk: TokenDesk;
  readonly pace: Pace;
  readonly scenario: ScenarioName | undefined;
  /** The next answer that a test has scripted. */
  readonly nextReply: () => Reply | undefined;
};

/** Which endpoint a request is meant for, and who may call it. */
function createRouter(options: RouterOptions): Handler {
  const { desk, scenario } = options;
  const answerSignIn = createSignIn(desk);
  const models = scenario === 'clients' ? listClientModels() : listModels();
  return async (exchange) => {
    const { headers, body, response } = exchange;
    const signInReply = answerSignIn(exchange);
    if (signInReply !== undefined) return send(response, signInReply);
    const operation = findOperation(exchange);
    if (operation === undefined) {
      const { status, type, message } = FAILURES.unknownOperation;
      return send(response, { status, headers: { 'x-amzn-errortype': type }, body: { message, __type: type } });
    }
    if (!hasContentType(exchange)) return send(response, refuse(FAILURES.unsupportedMediaType));
    const caller = desk.identify(headers);
    if (caller === undefined) return send(response, refuse(FAILURES.bearerInvalid));
    if (operation === 'GenerateAssistantResponse') return answerChat(exchange, caller, { ...options, models });
    if (operation !== 'InvokeMCP') return send(response, answerControl(operation, readInput(exchange), caller, models));
    // The profile of a web search travels as a header, as the official client sends it.
    const hasProfile = caller.usesApiKey || headers['x-amzn-kiro-profile-arn'] !== undefined;
    return send(response, hasProfile ? answerMcp(body) : refuse(FAILURES.profileMissing));
  };
}

function findOperation({ method, url: { pathname }, headers }: Exchange) {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') {
    if (method !== 'POST' || (pathname !== '/' && pathname !== CHAT_PATH)) return undefined;
    if (target === CHAT_TARGET) return 'GenerateAssistantResponse';
    return pathname === '/' ? findTargetOperation(target) : undefined;
  }
  if (method === 'POST' && pathname === CHAT_PATH) return 'GenerateAssistantResponse';
  if (method === 'POST' && pathname === '/mcp') return 'InvokeMCP';
  return findRestOperation(method, pathname);
}

/** JSON 1.0 is exact about its type; the REST binding takes parameters such as a charset. */
function hasContentType({ method, headers }: Exchange): boolean {
  const contentType = headers['content-type'] ?? '';
  if (headers['x-amz-target'] !== undefined) return contentType === 'application/x-amz-json-1.0';
  return method === 'GET' || /^application\/json\b/.test(contentType);
}

/** REST operations take a query, JSON 1.0 ones a body; an origin or profile in the query counts there too. */
function readInput({ method, url, body }: Exchange): Readonly<Record<string, unknown>> {
  const query = Object.fromEntries(url.searchParams);
  return method === 'GET' || typeof body !== 'object' ? query : { ...query, ...body };
}

type ChatOptions = RouterOptions & { readonly models: readonly CatalogueModel[] };

/** Judges the request, chooses what answers it, and sends that. */
async function answerChat(exchange: Exchange, caller: Caller, options: ChatOptions): Promise<void> {
  const { response, signal, hangUp, text, body } = exchange;
  const { models, pace } = options;
  if (!exchange.isJson) return send(response, refuse(FAILURES.notJson));
  const verdict = judgeChatRequest(body, { models, isProfileRequired: !caller.usesApiKey });
  if ('violation' in verdict) {
    const { detail } = verdict.violation;
    exchange.noteViolation(detail);
    const { headers, ...reply } = refuse({ ...FAILURES.improper, ...verdict.violation });
    // The words of the service, and in a header of our own what really was wrong.
    return send(response, {
      ...reply,
      headers: { ...headers, 'x-simulator-detail': detail.replaceAll(/[^ -~]/g, '?') },
    });
  }
  const { request } = verdict;
  const conversationId = request.conversationState.conversationId ?? randomUUID();
  const reply =
    options.nextReply() ?? chooseReply(readPrompt(request, { text, conversationId, models }), exchange, options);
  if ('destroy' in reply) return hangUp();
  if ('status' in reply) return send(response, reply);
  const headers = { 'x-amzn-requestid': randomUUID(), 'x-amzn-codewhisperer-conversation-id': conversationId };
  await writeStream(reply, response, { pace, signal, hangUp, headers });
}

/** A marker in the prompt wins over the scenario of the whole run. */
function chooseReply(prompt: Prompt, { headers }: Exchange, { scenario, pace }: ChatOptions): Reply {
  const name = findMarker(prompt) ?? scenario;
  if (name !== undefined) {
    if (isScenarioName(name)) return SCENARIOS[name].answer(prompt, pace);
    return compose(prompt, say(prompt, `There is no scenario "${name}".`));
  }
  const reply = answer(prompt);
  if (headers['x-amz-target'] === undefined) return reply;
  // The JSON 1.0 binding has a first frame of its own for the members that are no events.
  return { ...reply, frames: [{ event: 'initial-response', payload: { conversationId: '' } }, ...reply.frames] };
}

const CHAT_PATH = '/generateAssistantResponse';
const CHAT_TARGET = 'AmazonCodeWhispererStreamingService.GenerateAssistantResponse';
