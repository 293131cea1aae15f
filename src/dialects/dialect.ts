/** What a client protocol has to be able to do: read a request, write a turn, write an error. */

import type { Conversation } from '../core/conversation.js';
import type { GatewayError } from '../core/errors.js';
import type { Reader } from '../core/reader.js';
import type { Completion, StreamEvent } from '../core/stream.js';

export type Dialect = {
  readonly name: string;
  /** The POST route that speaks it. */
  readonly route: string;
  /** Where it counts the tokens of a request, if it does, and how it tells them. */
  readonly counting?: { readonly route: string; readonly writeCount: (inputTokens: number) => object };
  /** What goes out while nothing else does; clients skip it. */
  readonly keepAlive: string;
  /** @throws GatewayError `invalid-request`, naming the field. */
  readRequest(body: Reader, headers: RequestHeaders, options?: ReadOptions): ClientRequest;
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
  /** Notes about what lies elsewhere carry its URL, and no notice is written: the gateway fetches it, or tells. */
  readonly fetchesUrls?: boolean;
};

export type ClientRequest = {
  readonly conversation: Conversation;
  readonly stream: boolean;
  /** OpenAI's `stream_options.include_usage`; other dialects always tell. */
  readonly includeUsage: boolean;
  /** What was not done as asked, for the header `x-kiro-gateway-notice`: `ignored=temperature,top_p`. */
  readonly notices: readonly string[];
  /** What the answer has to know of the request; only the dialect that read it looks inside. */
  readonly replyContext?: unknown;
};

/** What an answer says about itself; made by the shell, because dialects know neither clock nor chance. */
export type Reply = {
  /** Random, without a prefix; the dialect adds its own. */
  readonly id: string;
  /** Unix time in seconds. */
  readonly createdAt: number;
  /** The model as the client named it. */
  readonly model: string;
  readonly includeUsage: boolean;
  /** The request's own, handed back. */
  readonly replyContext?: unknown;
};

export type ErrorResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
};
