/** The only file that talks to Kiro: token, fetch, one refresh, one other host. */

import type { Model } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import type { Fetch, FetchResponse } from '../core/fetch.js';
import type { Secret } from '../core/secret.js';
import { apiHosts, apiRegionOf, type ApiHosts, type HostOverrides } from './endpoints.js';
import { isDeadToken, isUnknownOperation, readFailureBody, toKiroError, type KiroFailure } from './errors.js';
import { readModelPage } from './models.js';

/** What one request needs to know about the account. `auth/session.ts` hands it out. */
export type Access = {
  readonly token: Secret;
  readonly profileArn: string | undefined;
  /** The region of the login, and the one its file names for the API, if any. */
  readonly loginRegion: string | undefined;
  readonly apiRegion: string | undefined;
  /** What kind of token it is, where Kiro has to be told. */
  readonly tokenTypeHeader: 'API_KEY' | 'EXTERNAL_IDP' | undefined;
};

export type AccessProvider = {
  accessToken(signal: AbortSignal): Promise<Access>;
  /** A token that is not the one Kiro refused. */
  forceRefresh(refused: Secret, signal: AbortSignal): Promise<Access>;
};

export type KiroClient = {
  /**
   * Asks Kiro. The answer's body is closed by whoever stops iterating it, or by the signal.
   * @throws GatewayError of the kind that Kiro's failure means.
   */
  generate(body: string, access: Access, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** The whole catalogue, all pages. */
  listModels(signal: AbortSignal): Promise<readonly Model[]>;
};

export type ClientDependencies = {
  readonly session: AccessProvider;
  readonly fetch: Fetch;
  readonly overrides: HostOverrides;
  /** The setting KIRO_API_REGION. */
  readonly apiRegion: string | undefined;
  readonly userAgent: string;
  /** Ask Kiro not to use the content for improving the service. */
  readonly optOut: boolean;
  readonly randomId: () => string;
};

export function createKiroClient(dependencies: ClientDependencies): KiroClient {
  const { session, overrides, randomId } = dependencies;

  return {
    async generate(body, access, signal) {
      const call: Call = { path: '/generateAssistantResponse', headers: CHAT_HEADERS, body, hosts: chatHosts };
      const response = await send(call, access, signal);
      if (response.body === null)
        throw new GatewayError('upstream-protocol', 'Kiro answered without a body; try again.');
      return response.body;
    },

    async listModels(signal) {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(CONTROL_TIMEOUT_MS)]);
      const access = await session.accessToken(limited);
      const models: Model[] = [];
      let nextToken: string | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const origin = access.profileArn === undefined ? 'KIRO_CLI' : 'AI_EDITOR';
        const body = JSON.stringify({ origin, profileArn: access.profileArn, nextToken });
        const response = await send(
          { path: '/', headers: LIST_MODELS_HEADERS, body, hosts: managementHosts },
          access,
          limited,
        );
        const answer = readModelPage(await readJson(response, limited));
        models.push(...answer.models);
        nextToken = answer.nextToken;
        if (nextToken === undefined) break;
      }
      return models;
    },
  };

  /** One logical request: at most one forced refresh and one change of host. */
  async function send(call: Call, first: Access, signal: AbortSignal): Promise<FetchResponse> {
    const hosts = call.hosts(apiHosts(regionFor(first), overrides));
    const invocationId = randomId();
    let access = first;
    let host = hosts.first;
    let mayRefresh = true;
    for (;;) {
      const other = host === hosts.first ? hosts.second : undefined;
      const headers = { ...call.headers, ...headersFor(access), 'amz-sdk-invocation-id': invocationId };
      let response: FetchResponse;
      try {
        const url = host + call.path;
        response = await dependencies.fetch(url, {
          method: 'POST',
          headers,
          body: call.body,
          signal,
          redirect: 'error',
        });
      } catch (cause) {
        if (other === undefined || signal.aborted) throw connectionError(cause, signal);
        host = other;
        continue;
      }
      if (response.status === 200) return response;
      const failure = await readFailure(response);
      if (mayRefresh && isDeadToken(failure)) {
        mayRefresh = false;
        access = await session.forceRefresh(access.token, signal);
      } else if (other !== undefined && isUnknownOperation(failure)) {
        host = other;
      } else {
        throw toKiroError(failure);
      }
    }
  }

  function headersFor(access: Access): Record<string, string> {
    return {
      authorization: `Bearer ${access.token.reveal()}`,
      'user-agent': dependencies.userAgent,
      'x-amzn-codewhisperer-optout': String(dependencies.optOut),
      ...(access.profileArn !== undefined && { 'x-amzn-kiro-profile-arn': access.profileArn }),
      ...(access.tokenTypeHeader !== undefined && { tokentype: access.tokenTypeHeader }),
    };
  }

  function regionFor(access: Access): string {
    const setting = dependencies.apiRegion ?? access.apiRegion;
    return apiRegionOf({ setting, profileArn: access.profileArn, loginRegion: access.loginRegion });
  }
}

type Call = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly hosts: (hosts: ApiHosts) => { readonly first: string; readonly second: string | undefined };
};

const chatHosts: Call['hosts'] = (hosts) => ({ first: hosts.chat, second: hosts.chatFallback });
const managementHosts: Call['hosts'] = (hosts) => ({ first: hosts.management, second: hosts.managementFallback });

/** What fetch or a body threw, as ours. Its message may hold an address but never a header. */
export function connectionError(cause: unknown, signal: AbortSignal): GatewayError {
  if (cause instanceof GatewayError) return cause;
  if (isTimeout(signal.reason)) {
    return new GatewayError('upstream-unavailable', 'Kiro did not answer in time; try again.', { cause });
  }
  if (signal.aborted) return new GatewayError('cancelled', 'The request was cancelled.', { cause });
  const code = codeOf(cause);
  const message = `Kiro cannot be reached${code === '' ? '' : ` (${code})`}; check the network and try again.`;
  return new GatewayError('upstream-unavailable', message, { cause });
}

/** What `AbortSignal.timeout` gives as its reason. */
function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

function codeOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return '';
  return typeof thrown.code === 'string' ? thrown.code : '';
}

async function readJson(response: FetchResponse, signal: AbortSignal): Promise<unknown> {
  const text = await response.text().catch((cause: unknown) => {
    throw connectionError(cause, signal);
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new GatewayError('upstream-protocol', 'Kiro answered with something that is not JSON; try again.', { cause });
  }
}

/** A failure from an HTTP answer (protocol 6.1): the type in a header or the body, the rest in the body. */
async function readFailure(response: FetchResponse): Promise<KiroFailure> {
  const said = readFailureBody(await readStart(response));
  const type = response.headers.get('x-amzn-errortype') ?? said.type;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return {
    ...said,
    status: response.status,
    type: type.replace(/:.*$/, '').replace(/^.*#/, ''),
    requestId: response.headers.get('x-amzn-requestid') ?? undefined,
    retryAfterSeconds: Number.isFinite(retryAfter) ? Math.max(0, retryAfter) : undefined,
  };
}

/** An error's body is small; of a flood only the beginning is read. */
async function readStart(response: FetchResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_ERROR_BYTES) break;
    }
  } catch {
    // The status is known and says enough; a body that breaks off adds nothing.
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The REST binding, which AWS's own client uses (protocol 13). */
const CHAT_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/vnd.amazon.eventstream',
  'x-amzn-kiro-agent-mode': 'vibe',
};

const LIST_MODELS_HEADERS = {
  'content-type': 'application/x-amz-json-1.0',
  'x-amz-target': 'AmazonCodeWhispererService.ListAvailableModels',
};

const CONTROL_TIMEOUT_MS = 15_000;
const MAX_PAGES = 20;
const MAX_ERROR_BYTES = 64 * 1024;
