/** What goes wrong between us and an HTTP answer of Kiro: connections, bodies, and failures that it states. */

import { abortError, GatewayError } from '../core/errors.js';
import type { FetchResponse } from '../core/fetch.js';
import { bareType, readFailureBody, type KiroFailure } from './errors.js';

/** What fetch or a body threw, as ours. Its message may hold an address but never a header. */
export function connectionError(cause: unknown, signal: AbortSignal): GatewayError {
  if (cause instanceof GatewayError) return cause;
  if (isTimeout(signal.reason)) {
    return new GatewayError('upstream-unavailable', 'Kiro did not answer in time; try again.', { cause });
  }
  if (signal.aborted) return abortError(signal, cause);
  const code = codeOf(cause);
  const message = `Kiro cannot be reached${code === '' ? '' : ` (${code})`}; check the network and try again.`;
  return new GatewayError('upstream-unavailable', message, { cause });
}

/** @throws GatewayError `upstream-protocol` for anything but JSON, `upstream-unavailable` for a body that breaks off. */
export async function readJson(response: FetchResponse, signal: AbortSignal): Promise<unknown> {
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
export async function readFailure(response: FetchResponse): Promise<KiroFailure> {
  const said = readFailureBody(await readStart(response));
  const type = response.headers.get('x-amzn-errortype') ?? said.type;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return {
    ...said,
    status: response.status,
    type: bareType(type),
    requestId: response.headers.get('x-amzn-requestid') ?? undefined,
    retryAfterSeconds: Number.isFinite(retryAfter) ? Math.max(0, retryAfter) : undefined,
  };
}

/** What `AbortSignal.timeout` gives as its reason. */
function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

function codeOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return '';
  return typeof thrown.code === 'string' ? thrown.code : '';
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

const MAX_ERROR_BYTES = 64 * 1024;
