/** What a client protocol has to be able to do, and the little that all of them do alike. */

import type { Conversation } from '../core/conversation.js';
import type { GatewayError } from '../core/errors.js';
import { parseJson, Reader } from '../core/reader.js';
import type { Completion, StreamEvent } from '../core/stream.js';
import type { ParameterTable } from './parameters.js';
import type { CallForm } from './tools.js';

export type Dialect = {
  readonly name: string;
  /** The POST route that speaks it. */
  readonly route: string;
  /** What becomes of each parameter of a request. */
  readonly parameters: ParameterTable;
  /** Where it counts the tokens of a request, if it does, and how it tells them. */
  readonly counting?: { readonly route: string; readonly writeCount: (inputTokens: number) => object };
  /** What goes out while nothing else does; clients skip it. */
  readonly keepAlive: string;
  /** @throws GatewayError `invalid-request`, naming the field. */
  readonly readRequest: (body: Reader, headers: RequestHeaders, options?: ReadOptions) => ClientRequest;
  /** The whole answer of a request that is not streamed. */
  writeResponse(completion: Completion, reply: Reply): object;
  /** A function that turns one event after the other into server-sent events; an `error` event is the last one. */
  createStreamWriter(reply: Reply): (event: StreamEvent) => string;
  /** An error before the answer began. */
  writeError(error: GatewayError, requestId: string): ErrorResponse;
};

/** Lower-case names, as node delivers them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export type ReadOptions = {
  /** Notes about media elsewhere carry the URL, and no notice is written: the gateway fetches it, or says why not. */
  readonly fetchesUrls?: boolean;
  /** The vendor's web search becomes a tool that the gateway runs; otherwise it is left out. */
  readonly searchesWeb?: boolean;
  /** Earlier answers that a request may refer to; none without it. */
  readonly answers?: KeptAnswers;
};

/** Earlier answers, in the form in which they were told; undefined for what is not, or no longer, there. */
export type KeptAnswers = {
  item(id: string): object | undefined;
  /** All items up to this answer and with it. */
  conversation(id: string): readonly unknown[] | undefined;
};

export type ClientRequest = {
  readonly conversation: Conversation;
  readonly stream: boolean;
  /** OpenAI's `stream_options.include_usage`; other dialects always tell. */
  readonly includeUsage: boolean;
  /** What was not done as asked, for the header `x-kiro-gateway-notice`: `ignored=temperature,top_p`. */
  readonly notices: readonly string[];
  readonly replyContext: ReplyContext;
};

/** What the answer has to know of the request. */
export type ReplyContext = {
  /** How each tool is called on the wire, by the name that the model is told. */
  readonly forms: ReadonlyMap<string, CallForm>;
  /** The one call of an answer is a `function_call`, and there are no others. */
  readonly knowsOneCall?: boolean;
  /** The request's own fields, as far as the answer repeats them. */
  readonly echo?: object;
  /** Undefined when the client wants nothing kept, or its protocol knows nothing of the kind. */
  readonly toKeep?: ToKeep | undefined;
};

/** What the answer goes on from: an earlier one, and the new items. */
export type ToKeep = { readonly previousId: string | undefined; readonly input: readonly unknown[] };

/** What an answer says about itself; made by the shell, because dialects know neither clock nor chance. */
export type Reply = {
  /** The request's id without its `req_`: dialects have prefixes of their own. */
  readonly id: string;
  /** Unix time in seconds. */
  readonly createdAt: number;
  /** The model as the client named it. */
  readonly model: string;
  readonly includeUsage: boolean;
  /** The request's own, handed back. */
  readonly replyContext: ReplyContext;
};

export type ErrorResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
};

/** What was not done as the client asked, gathered while its request is read. */
export type Notices = {
  readonly names: Map<NoticeKey, Set<string>>;
  /** What the gateway does beyond reading: of that nothing is left out yet. */
  readonly options: ReadOptions;
};

type NoticeKey = 'ignored' | 'tools-left-out' | 'unknown-block' | 'images-left-out' | 'documents-left-out';

export function createNotices(options: ReadOptions = {}): Notices {
  return { names: new Map(), options };
}

/** Remembers one name under a key; repetitions and the flood of a hostile request do not make it longer. */
export function note({ names: noted }: Notices, key: NoticeKey, name: string): void {
  const names = noted.get(key) ?? new Set();
  // Names come from the client and go into a response header: nothing in them may end or split it.
  if (names.size < MAX_NAMES) names.add(name.slice(0, MAX_NAME_LENGTH).replaceAll(/[^\w.+/:-]/g, '_'));
  noted.set(key, names);
}

/** One entry per key: `ignored=temperature,top_p`. */
export function writeNotices({ names: noted }: Notices): string[] {
  return [...noted].map(([key, names]) => `${key}=${[...names].join(',')}`);
}

/** What a JSON text says; undefined for a text that is none, such as the input of a call that was cut. */
export function readJson(json: string): Reader | undefined {
  const value = parseJson(json);
  return value === undefined ? undefined : new Reader(value);
}

/** What a turn cost in Kiro's credits: a field of our own beside the tokens. Absent when Kiro did not say. */
export function creditField({ credits }: Completion): { readonly kiro_credits?: number } {
  return credits === undefined ? {} : { kiro_credits: credits };
}

/**
 * The JSON text of a value as the data of a server-sent event. Python's `splitlines`, with which clients read events,
 * ends lines at three more characters than the format does.
 */
export function writeData(value: unknown): string {
  // Nearly every value is a delta, and nearly every delta needs no escape.
  if (typeof value === 'string' && PLAIN.test(value)) return `"${value}"`;
  return JSON.stringify(value).replaceAll(LINE_ENDS, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// oxlint-disable-next-line no-control-regex -- JSON escapes exactly these, and half characters.
const PLAIN = /^[^"\\\u0000-\u001f\u0085\u2028\u2029\ud800-\udfff]*$/;
const LINE_ENDS = /[\u0085\u2028\u2029]/g;
const MAX_NAMES = 20;
const MAX_NAME_LENGTH = 60;
