/** The way out: fetch over node-fetch with kept-alive connections, straight or through a proxy. */

import type { Agent as HttpAgent, AgentOptions } from 'node:http';
import { Readable } from 'node:stream';
import { codeOf, type ErrorKind, GatewayError } from './core/errors.js';
import { type Fetch, type FetchInit, type FetchResponse, HOST_REFUSED } from './core/fetch.js';
import { isRecord } from './core/reader.js';
import type { Secret } from './core/secret.js';
import { proxyFor, type Proxy } from './proxy.js';

export type OutboundOptions = {
  /** VPN_PROXY_URL. */
  readonly proxyUrl: Secret | undefined;
  /** For HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * Keep-alive connections, nothing packed unless the other side insists, no redirects with a token.
 * @throws GatewayError from the fetch, when a proxy is what fails.
 */
export async function createOutboundFetch({ proxyUrl, env }: OutboundOptions): Promise<Fetch> {
  const { default: nodeFetch } = await import('node-fetch');
  const keptAgents = new Map<string, Promise<HttpAgent>>();
  /** Nearly all requests go to the URL of the one before. */
  let latest: { readonly url: string; readonly proxy: ReturnType<typeof proxyFor> } | undefined;

  return async (url, init) => {
    if (latest?.url !== url) latest = { url, proxy: proxyFor(url, proxyUrl?.reveal(), env) };
    const { proxy } = latest;
    if (proxy !== undefined && 'invalid' in proxy) throw invalidProxy(proxy.invalid);
    const isSecure = url.startsWith('https:');
    try {
      return await send(url, init, await keptAgent(proxy, isSecure), proxy);
    } catch (cause) {
      if (codeOf(cause) !== DEAD_SOCKET) throw cause;
    }
    // Kiro had closed a connection that we had kept; nothing of the request has arrived.
    return send(url, init, await makeAgent(proxy, isSecure, { keepAlive: false }), proxy);
  };

  /** One agent for each way, made when it is first needed. */
  function keptAgent(proxy: Proxy | undefined, isSecure: boolean): Promise<HttpAgent> {
    const way = `${isSecure} ${proxy?.url ?? ''}`;
    const agent = keptAgents.get(way) ?? makeAgent(proxy, isSecure, KEPT).then(tellDeadSockets);
    keptAgents.set(way, agent);
    return agent;
  }

  async function send(
    url: string,
    { method, headers, body, signal, redirect = 'error' }: FetchInit,
    agent: HttpAgent,
    proxy: Proxy | undefined,
  ): Promise<FetchResponse> {
    const plain = { ...headers, 'accept-encoding': 'identity' };
    try {
      const response = await nodeFetch(url, {
        method,
        ...(body === undefined ? { headers: plain } : sentOnce(body, plain)),
        redirect,
        signal: signal ?? null,
        compress: true,
        size: MAX_TEXT_BYTES,
        agent,
      });
      // node-fetch's type knows the older stream interface only; what it gives is a Readable of Buffers.
      const stream = response.body as Readable | null;
      return {
        status: response.status,
        headers: response.headers,
        text: () => response.text().catch(refuseTooMuch),
        body: stream && { [Symbol.asyncIterator]: () => chunksOf(stream) },
      };
    } catch (thrown) {
      throw proxy === undefined || signal?.aborted === true ? thrown : toProxyError(thrown, proxy);
    }
  }
}

/**
 * node-fetch keeps the body for as long as the answer lasts, unless it is a stream; this one forgets what it has sent.
 * Nothing is read ahead, so the end comes after the body has gone: Node keeps what it writes together with the end.
 */
function sentOnce(body: string, headers: FetchInit['headers']) {
  // In memory of its own: a slice of Node's pool would keep the whole pool alive.
  let rest: Uint8Array | null = new TextEncoder().encode(body);
  const length = String(rest.length);
  const stream = new Readable({
    highWaterMark: 0,
    read() {
      this.push(rest);
      rest = null;
    },
  });
  return { body: stream, headers: { ...headers, 'content-length': length } };
}

/**
 * The chunks of a stream as they come. A Readable's own iterator costs several turns of the event loop's queues for
 * each of them, which every delta of every answer would feel. Chunks that nobody has asked for yet wait, up to a
 * limit, and are then joined into one.
 */
function chunksOf(stream: Readable): AsyncIterator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let waitingLength = 0;
  /** What there is after all chunks. */
  let end: (() => Promise<IteratorResult<Uint8Array>>) | undefined;
  let tell: ((next: IteratorResult<Uint8Array> | Promise<IteratorResult<Uint8Array>>) => void) | undefined;

  const finish = (error?: Error): void => {
    end ??= () => (error === undefined ? DONE : Promise.reject(error));
    tell?.(end());
    tell = undefined;
  };
  stream.on('data', (chunk: Uint8Array) => {
    if (tell !== undefined) {
      tell({ done: false, value: chunk });
      tell = undefined;
      return;
    }
    waiting.push(chunk);
    waitingLength += chunk.length;
    if (waitingLength > MOST_WAITING) stream.pause();
  });
  stream.on('end', () => finish());
  stream.on('error', finish);
  stream.on('close', () => {
    if (end === undefined) finish(new Error('The connection was closed in the middle of an answer.'));
  });

  return {
    next() {
      if (waiting.length === 0) return end?.() ?? new Promise((resolve) => void (tell = resolve));
      const value = Buffer.concat(waiting, waitingLength);
      waiting = [];
      waitingLength = 0;
      if (stream.isPaused()) stream.resume();
      return Promise.resolve({ done: false, value });
    },
    return() {
      stream.destroy();
      return DONE;
    },
  };
}

const DONE: Promise<IteratorReturnResult<undefined>> = Promise.resolve({ done: true, value: undefined });

/** The agents of proxies are loaded only when there is one. */
async function makeAgent(proxy: Proxy | undefined, isSecure: boolean, options: AgentOptions): Promise<HttpAgent> {
  if (proxy === undefined) {
    const { Agent } = await (isSecure ? import('node:https') : import('node:http'));
    return new Agent(options);
  }
  if (proxy.scheme === 'socks5' || proxy.scheme === 'socks5h') {
    const { SocksProxyAgent } = await import('socks-proxy-agent');
    return new SocksProxyAgent(proxy.url, options);
  }
  // No `ca` here: it would reach the proxy alone. NODE_EXTRA_CA_CERTS reaches both.
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  const agent = new HttpsProxyAgent(proxy.url, options);
  // The package waits for the proxy's answer for ever, whatever becomes of the request, and does not listen any more to
  // a connection that it has given up, whose errors would end the process. Another agent makes each connection, with a
  // signal that closes it in the first case and hears it in the second.
  agent.connect = async (request, target) => {
    const waiting = new AbortController();
    const leave = (): void => waiting.abort();
    request.once('abort', leave).once('proxyConnect', checkProxyAnswer);
    const connector = new HttpsProxyAgent(proxy.url, { ...options, signal: waiting.signal });
    const socket = await connector.connect(request, target);
    // Kept, it outlives its first request.
    request.off('abort', leave);
    return socket;
  };
  return agent;
}

/** Without this the proxy's refusal would look like Kiro's. */
function checkProxyAnswer({ statusCode }: { readonly statusCode: number }): void {
  if (statusCode !== 200) throw Object.assign(new Error('The proxy refused.'), { code: `${REFUSED}${statusCode}` });
}

/** Marks the failure of a request that was sent on a connection which the other side had closed meanwhile. */
function tellDeadSockets(agent: HttpAgent): HttpAgent {
  const reuse = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket, request) => {
    // Before node-fetch listens, so that its own error takes this code over. An answer has errors of its own.
    request.prependOnceListener('error', (error: NodeJS.ErrnoException) => {
      if (RESETS.includes(error.code ?? '')) error.code = DEAD_SOCKET;
    });
    reuse(socket, request);
  };
  return agent;
}

/** A proxy's failure as our error; any other failure unchanged. */
function toProxyError(thrown: unknown, { scheme, host, address }: Proxy): unknown {
  const words = thrown instanceof Error ? thrown.message : '';
  // The SOCKS client names the system's code in its words only.
  const code = codeOf(thrown) || (/\bE[A-Z]{4,}\b/.exec(words)?.[0] ?? '');
  const status = code.startsWith(REFUSED) ? code.slice(REFUSED.length) : '';
  const fault = (kind: ErrorKind, what: string, reason?: string) =>
    new GatewayError(kind, `The proxy ${address} ${what}`, { reason, cause: thrown });
  if (status === '407' || /socks5 authentication failed|no accepted authentication type/i.test(words)) {
    const remedy = 'write them into its URL, as in http://user:password@host:port.';
    return fault('upstream-protocol', `asks for a user name and password; ${remedy}`);
  }
  if (status.startsWith('4')) {
    return fault('upstream-protocol', `refused the connection to Kiro (${status}); ask whoever runs it.`, HOST_REFUSED);
  }
  if (status !== '' || /socks5 |socket closed|proxy connect/i.test(words)) {
    return fault('upstream-unavailable', 'did not reach Kiro; try again, or ask whoever runs it.', HOST_REFUSED);
  }
  // With socks5 it is this machine that looks for Kiro's address.
  const isLookup = scheme === 'socks5' && LOOKUPS.includes(code) && !words.includes(host);
  if (!UNREACHABLE.includes(code) || isLookup) return thrown;
  return fault('upstream-unavailable', `cannot be reached (${code}); check its address, or start it.`);
}

function invalidProxy(name: string): GatewayError {
  const message = `${name} must be the URL of a proxy, such as http://user:password@host:3128 or socks5h://host:1080.`;
  return new GatewayError('invalid-request', message);
}

/** What has no end is no fault of the network. */
function refuseTooMuch(thrown: unknown): never {
  if (!isRecord(thrown) || thrown['type'] !== 'max-size') throw thrown;
  const message = 'The other side answered with more than the gateway reads; try again.';
  throw new GatewayError('upstream-protocol', message, { cause: thrown });
}

const KEPT = { keepAlive: true, maxFreeSockets: 64, scheduling: 'lifo' } as const;

/** Of an answer that is read as one text; streams have no end of their own. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
const MOST_WAITING = 64 * 1024;
const DEAD_SOCKET = 'ERR_DEAD_SOCKET';
const REFUSED = 'ERR_PROXY_';
const RESETS = ['ECONNRESET', 'EPIPE'];
const LOOKUPS: readonly string[] = ['ENOTFOUND', 'EAI_AGAIN'];
/** EPROTO: it speaks something else than its URL says. */
const UNREACHABLE = [...LOOKUPS, 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EPROTO', 'ETIMEDOUT'];
