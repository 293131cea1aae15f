/** Questions to AWS SSO OIDC and its answers, for the device flow: JSON in, JSON or a named refusal out. */

import { GatewayError } from '../core/errors.js';
import type { Fetch, FetchResponse } from '../core/fetch.js';
import { isRecord, Reader } from '../core/reader.js';
import type { HostOverrides } from '../kiro/endpoints.js';

export type DeviceFlowTools = {
  readonly fetch: Fetch;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** May reject when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly overrides: HostOverrides;
  readonly userAgent: string;
};

export type Answer = { readonly isSuccess: boolean; readonly body: Reader };

/** @throws GatewayError `upstream-unavailable` when there is no judgement, `upstream-protocol`, or `cancelled`. */
export async function ask(url: string, body: object, tools: DeviceFlowTools, signal: AbortSignal): Promise<Answer> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let response: FetchResponse;
  let text: string;
  try {
    response = await tools.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', 'user-agent': tools.userAgent },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: limited,
    });
    text = await response.text();
  } catch (cause) {
    if (signal.aborted) throw new GatewayError('cancelled', 'Stopped; nothing was stored.');
    // What is ours already is said of a proxy on the way.
    if (cause instanceof GatewayError) throw cause;
    const message = "AWS's login service cannot be reached; check the network and try again.";
    throw new GatewayError('upstream-unavailable', message, { cause });
  }
  const { status } = response;
  if (status === 429 || status >= 500) {
    const message = `AWS's login service is out of order (HTTP ${status}); try again in a minute.`;
    throw new GatewayError('upstream-unavailable', message);
  }
  return { isSuccess: status === 200, body: new Reader(parse(text), 'upstream-protocol', 'the login answer') };
}

/** As AWS names it: `authorization_pending`; exceptions carry the same in another spelling. */
export function readRefusal({ body }: Answer): string {
  const fields = isRecord(body.value) ? body.value : {};
  const said = [fields['error'], fields['__type']].find((it) => typeof it === 'string') ?? '';
  const name = said.replace(/^.*#/, '').replace(/Exception$/, '');
  const snake = name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
  return /^[a-z_]{1,60}$/.test(snake) ? snake : 'no reason given';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without the cause: node quotes the text it could not parse, and this one may hold tokens.
    throw new GatewayError('upstream-protocol', "AWS's login service answered with something that is not JSON.");
  }
}

const TIMEOUT_MS = 30_000;
