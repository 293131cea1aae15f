/** A stand-in for the whole Kiro upstream on one port: sign-in, control plane, chat and web search. */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { answer } from './answers.js';
import {
  answerControl,
  answerMcp,
  type CatalogueModel,
  findOperation,
  listClientModels,
  listModels,
} from './control.js';
import { type Exchange, FAILURES, readExchange, type ReceivedRequest, Refusal, refuse, send } from './exchange.js';
import { type Pace, type Reply, writeStream } from './frames.js';
import { judgeChatRequest } from './rules.js';
import { isScenarioName, type ScenarioName, SCENARIOS } from './scenarios.js';
import { compose, findMarker, type Prompt, readPrompt, say } from './script.js';
import { type Caller, createSignIn, isProfileArn, type SignIn } from './sign-in.js';

export type SimulatorOptions = {
  /** Any free one unless told otherwise. */
  readonly port?: number;
  /** Answers every prompt that names no other scenario; ordinary answers without it. */
  readonly scenario?: string | undefined;
  /** `none` leaves out every pause; `human` unless told otherwise. */
  readonly pace?: Pace;
  /** 3600 unless told otherwise. */
  readonly accessTokenSeconds?: number;
  /** How many requests the log remembers: 1000 unless told otherwise, 0 for a long run. */
  readonly keepRequests?: number;
};

export type Simulator = Awaited<ReturnType<typeof startSimulator>>;

/** Listens on 127.0.0.1. */
export async function startSimulator(options: SimulatorOptions = {}) {
  const { port = 0, scenario, pace = 'human', accessTokenSeconds = 3600, keepRequests = 1000 } = options;
  if (scenario !== undefined && !isScenarioName(scenario)) throw new Error(`There is no scenario "${scenario}".`);
  const requests: LogEntry[] = [];
  const replies: Reply[] = [];
  const models = scenario === 'clients' ? listClientModels() : listModels();
  const service = { signIn: createSignIn(accessTokenSeconds), models, pace, scenario, replies };
  const server = createServer((request, response) => {
    const { method = 'GET', url: path = '/', headers } = request;
    const entry: LogEntry = { method, path, headers, body: undefined, aborted: false };
    requests.push(entry);
    if (requests.length > keepRequests) requests.shift();
    void serve(request, response, entry, service);
  });
  // Longer than any client keeps an idle connection, so that none is closed under a request on its way.
  server.keepAliveTimeout = 120_000;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    // The cast is what a server that listens on a port has.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: requests as readonly ReceivedRequest[], // nobody else may change it
    /** Scripts the next answers of the chat endpoint, for requests that pass the rules. */
    enqueue: (...more: readonly Reply[]) => void replies.push(...more),
    /** Forgets the requests and the scripted answers; tokens stay as they are. */
    reset: () => {
      replies.length = 0;
      requests.length = 0;
    },
    revokeAccessTokens: service.signIn.revokeAccessTokens,
    close: async () => {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

type LogEntry = { -readonly [Key in keyof ReceivedRequest]: ReceivedRequest[Key] };

type Service = {
  readonly signIn: SignIn;
  readonly models: readonly CatalogueModel[];
  readonly pace: Pace;
  readonly scenario: ScenarioName | undefined;
  /** The next answers, as a test has scripted them. */
  readonly replies: Reply[];
};

/** Reads the body, lets the request be answered, and survives whatever the client does meanwhile. */
async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  entry: LogEntry,
  service: Service,
): Promise<void> {
  const leaving = new AbortController();
  let isOurDoing = false;
  response.once('close', () => {
    entry.aborted = !response.writableFinished && !isOurDoing;
    leaving.abort();
  });
  // Writing to a client that has just left is no fault of ours.
  response.on('error', () => leaving.abort());
  const hangUp = (): void => {
    isOurDoing = true;
    response.destroy();
  };
  try {
    const exchange = await readExchange(request, { response, signal: leaving.signal, hangUp });
    entry.body = exchange.body;
    await route(exchange, service);
  } catch (thrown) {
    if (leaving.signal.aborted) return;
    if (thrown instanceof Refusal) {
      if (thrown.detail !== undefined) entry.violation = thrown.detail;
      return send(response, refuse(thrown.failure, thrown.detail));
    }
    // A fault of the simulator itself; it must be seen, so it answers with its own words.
    if (response.headersSent) response.destroy();
    else send(response, { status: 500, body: `The simulator failed: ${String(thrown)}\n` });
  }
}

/** Which endpoint a request is meant for, and who may call it. */
async function route(exchange: Exchange, service: Service): Promise<void> {
  const { headers, body, response } = exchange;
  const { signIn, models } = service;
  const signInReply = signIn.answer(exchange);
  if (signInReply !== undefined) return send(response, signInReply);
  const operation = findOperation(exchange);
  if (operation === undefined) throw new Refusal(FAILURES.unknownOperation);
  if (!hasContentType(exchange)) throw new Refusal(FAILURES.unsupportedMediaType);
  const caller = signIn.identify(headers);
  if (caller === undefined) throw new Refusal(FAILURES.bearerInvalid);
  if (operation === 'GenerateAssistantResponse') return answerChat(exchange, caller, service);
  if (operation !== 'InvokeMCP') return send(response, answerControl(operation, readInput(exchange), caller, models));
  // The profile of a web search travels as a header, as the official client sends it.
  const { 'x-amzn-kiro-profile-arn': profileArn } = headers;
  if (!caller.usesApiKey && profileArn === undefined) throw new Refusal(FAILURES.profileMissing);
  if (profileArn !== undefined && !isProfileArn(profileArn)) throw new Refusal(FAILURES.profileInvalid);
  return send(response, answerMcp(body));
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

/** Judges the request, chooses what answers it, and sends that. */
async function answerChat(exchange: Exchange, caller: Caller, service: Service): Promise<void> {
  const { response, hangUp, text, body, isJson } = exchange;
  const { models, pace } = service;
  if (!isJson) throw new Refusal(FAILURES.notJson);
  const { request, model } = judgeChatRequest(body, models, caller);
  const conversationId = request.conversationState.conversationId ?? randomUUID();
  const prompt = readPrompt(request, { text, conversationId, model });
  const reply = service.replies.shift() ?? chooseReply(prompt, exchange, service);
  if ('destroy' in reply) return hangUp();
  if ('status' in reply) return send(response, reply);
  const headers = { 'x-amzn-requestid': randomUUID(), 'x-amzn-codewhisperer-conversation-id': conversationId };
  await writeStream(reply, exchange, { pace, headers });
}

/** A marker in the prompt wins over the scenario of the whole run. */
function chooseReply(prompt: Prompt, { headers }: Exchange, { scenario, pace }: Service): Reply {
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
