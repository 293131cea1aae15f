/** Which endpoint a request is meant for, and who may call it. */
import type { Caller } from './access.js';
import type { ControlOperation } from './control.js';
import type { Exchange } from './exchange.js';
import type { Pace, Reply } from './reply.js';
import type { ScenarioName } from './scenarios.js';
import type { TokenDesk } from './tokens.js';
import { identify } from './access.js';
import { listClientModels, listModels } from './catalogue.js';
import { answerChat } from './chat.js';
import { answerControl, findRestOperation, findTargetOperation } from './control.js';
import { FAILURES } from './failures.js';
import { refuse, send } from './http.js';
import { createSignIn } from './sign-in.js';
import { answerMcp } from './web-search.js';

export type Handler = (exchange: Exchange) => Promise<void>;

export type RouterOptions = {
  readonly desk: TokenDesk;
  readonly pace: Pace;
  readonly scenario: ScenarioName | undefined;
  readonly nextReply: () => Reply | undefined;
};

export function createRouter(options: RouterOptions): Handler {
  const { desk, pace, scenario } = options;
  const signIn = createSignIn(desk, pace);
  const models = scenario === 'clients' ? listClientModels() : listModels();
  return async (exchange) => {
    const { method, url, body, isForm, response } = exchange;
    const signInReply = signIn.answer({ method, path: url.pathname, baseUrl: url.origin, body, isForm });
    if (signInReply !== undefined) return send(response, signInReply);
    const operation = findOperation(exchange);
    if (operation === undefined) return refuseUnknown(exchange);
    if (!hasContentType(exchange)) return send(response, refuse(FAILURES.unsupportedMediaType));
    const caller = identify(exchange.headers, desk);
    if (caller === undefined) return send(response, refuse(FAILURES.bearerInvalid));
    if (operation === 'GenerateAssistantResponse') return answerChat(exchange, caller, { ...options, models });
    if (operation !== 'InvokeMCP') {
      return send(response, answerControl({ operation, input: readInput(exchange), caller }, models));
    }
    return send(response, hasProfile(exchange, caller) ? answerMcp(body) : refuse(FAILURES.profileMissing));
  };
}

type Operation = ControlOperation | 'GenerateAssistantResponse' | 'InvokeMCP';

function findOperation({ method, url, headers }: Exchange): Operation | undefined {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') {
    const isChatPath = url.pathname === '/' || url.pathname === CHAT_PATH;
    if (method !== 'POST' || !isChatPath) return undefined;
    if (target === CHAT_TARGET) return 'GenerateAssistantResponse';
    return url.pathname === '/' ? findTargetOperation(target) : undefined;
  }
  if (method === 'POST' && url.pathname === CHAT_PATH) return 'GenerateAssistantResponse';
  if (method === 'POST' && url.pathname === '/mcp') return 'InvokeMCP';
  return findRestOperation(method, url.pathname);
}

/** JSON 1.0 is exact about its type; the REST binding takes parameters such as a charset. */
function hasContentType({ method, headers }: Exchange): boolean {
  const contentType = headers['content-type'] ?? '';
  if (headers['x-amz-target'] !== undefined) return contentType === 'application/x-amz-json-1.0';
  return method === 'GET' || /^application\/json\b/.test(contentType);
}

/** The profile of a web search travels as a header, as the official client sends it. */
function hasProfile({ headers }: Exchange, { usesApiKey }: Caller): boolean {
  return usesApiKey || headers['x-amzn-kiro-profile-arn'] !== undefined;
}

/** REST operations take a query, JSON 1.0 ones a body; an origin or profile in the query counts there too. */
function readInput({ method, url, body }: Exchange): unknown {
  const query = Object.fromEntries(url.searchParams);
  return method === 'GET' || typeof body !== 'object' ? query : { ...query, ...body };
}

function refuseUnknown({ response }: Exchange): void {
  const { status, type, message } = FAILURES.unknownOperation;
  send(response, { status, headers: { 'x-amzn-errortype': type }, body: { message, __type: type } });
}

const CHAT_PATH = '/generateAssistantResponse';
const CHAT_TARGET = 'AmazonCodeWhispererStreamingService.GenerateAssistantResponse';
