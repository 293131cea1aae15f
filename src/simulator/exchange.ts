/** One request and its answer, with what everyone who handles it has to know. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

/** What arrived, kept for tests to count and inspect. */
export type ReceivedRequest = {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: IncomingHttpHeaders;
  /** Parsed when it was JSON or a form, otherwise the text. */
  readonly body: unknown;
  /** True once the client has closed the connection before the answer was complete. */
  readonly aborted: boolean;
  /** Which rule of the service the request broke, with its place; the service itself never says. */
  readonly violation?: string;
};

export type Exchange = {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: unknown;
  readonly isJson: boolean;
  readonly isForm: boolean;
} & AnsweringSide;

export type AnsweringSide = {
  readonly response: ServerResponse;
  /** Aborted when the client leaves or the simulator closes. */
  readonly signal: AbortSignal;
  /** Closes the connection at once, which then does not count as the client's leaving. */
  readonly hangUp: () => void;
  readonly noteViolation: (violation: string) => void;
};

export function createExchange(request: IncomingMessage, text: string, side: AnsweringSide): Exchange {
  const { method = 'GET', url: path = '/', headers } = request;
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  const parsed = isForm ? { value: Object.fromEntries(new URLSearchParams(text)) } : parseJson(text);
  return {
    method,
    // The host only completes the URL; a strange one must not break it.
    url: new URL(path.replace(/^\/*/, '/'), `http://${headers.host ?? 'localhost'}`),
    headers,
    text,
    body: parsed === undefined ? text : parsed.value,
    isJson: !isForm && parsed !== undefined,
    isForm,
    ...side,
  };
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
