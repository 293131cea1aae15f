/** Plays the services that renew logins, on a real socket: says what it is told to, and remembers what it was asked. */

import { createServer, type IncomingMessage } from 'node:http';
import type { Fetch } from '../../src/core/fetch.js';
import { listenForTest } from './upstream.js';

export type TokenServer = {
  readonly url: string;
  /** In the order of their arrival. */
  readonly requests: readonly TokenRequest[];
};

export type TokenRequest = {
  readonly path: string;
  readonly contentType: string | undefined;
  readonly userAgent: string | undefined;
  readonly body: string;
};

/** An object is sent as JSON, a text as it is; `hang` never answers and `hang-up` closes the connection. */
export type TokenAnswer =
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body: object | string }
  | 'hang'
  | 'hang-up';

/** Closed after the test. Answers in this order; the last one again and again. */
export async function startTokenServer(
  ...answers: readonly (TokenAnswer | ((request: TokenRequest) => TokenAnswer | Promise<TokenAnswer>))[]
): Promise<TokenServer> {
  const requests: TokenRequest[] = [];
  const server = createServer((incoming, response) => {
    void (async () => {
      const request = await readRequest(incoming);
      requests.push(request);
      const planned = answers[Math.min(requests.length, answers.length) - 1] ?? 'hang-up';
      const answer = typeof planned === 'function' ? await planned(request) : planned;
      if (answer === 'hang') return;
      if (answer === 'hang-up') return void incoming.socket.destroy();
      const isText = typeof answer.body === 'string';
      response.writeHead(answer.status ?? 200, {
        'content-type': isText ? 'text/html' : 'application/json',
        ...answer.headers,
      });
      response.end(isText ? answer.body : JSON.stringify(answer.body));
    })();
  });
  return { url: `http://${await listenForTest(server)}`, requests };
}

/** The global fetch in our shape; URLs that begin with a key of `hosts` go to the server under its value. */
export function realFetch(hosts: Readonly<Record<string, string>> = {}): Fetch {
  return async (url, init) => {
    const [named, real] = Object.entries(hosts).find(([it]) => url.startsWith(it)) ?? ['', ''];
    const { method, headers, redirect = 'follow', body = null, signal = null } = init;
    return fetch(real + url.slice(named.length), { method, headers, redirect, body, signal });
  };
}

async function readRequest(incoming: IncomingMessage): Promise<TokenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
  return {
    path: incoming.url ?? '',
    contentType: incoming.headers['content-type'],
    userAgent: incoming.headers['user-agent'],
    body: Buffer.concat(chunks).toString(),
  };
}
