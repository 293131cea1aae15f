/** Frames to Kiro's events. Of unknown events the name is all that is read; exceptions and errors are thrown as ours. */

import type { JsonObject } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { isRecord, parseJson, recordOf } from '../core/reader.js';
import { bareType, readFailureBody, toKiroError } from './errors.js';
import type { Frame } from './frames.js';

export type KiroEvent =
  /** `modelId` is the model that speaks, where Kiro says so: it matters when Kiro has chosen it. */
  | { readonly type: 'text'; readonly text: string; readonly modelId?: string }
  | { readonly type: 'reasoning'; readonly text: string; readonly signature: string; readonly redacted: string }
  | {
      readonly type: 'tool-use';
      readonly id: string;
      readonly name: string;
      readonly input: string;
      readonly stop: boolean;
    }
  | { readonly type: 'token-usage'; readonly usage: KiroTokenUsage }
  | { readonly type: 'stop-reason'; readonly reason: string }
  | { readonly type: 'context-usage'; readonly percentage: number }
  | { readonly type: 'metering'; readonly credits: number }
  /** One that nobody here has heard of: Kiro is newer than the gateway. */
  | { readonly type: 'unknown'; readonly name: string };

/** `inputTokens` counts what was read outside the cache. */
export type KiroTokenUsage = {
  readonly uncachedInputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
};

/**
 * Zero or more events of one frame.
 * @throws GatewayError for exception and error frames, and `upstream-protocol` for payloads of the wrong shape.
 */
export function readEvents(frame: Frame): readonly KiroEvent[] {
  const { headers, payload } = frame;
  const kind = headers.get(':message-type');
  if (kind !== 'exception' && kind !== 'error') return readEvent(headers.get(':event-type') ?? '', frame);
  const said = readFailureBody(payload);
  throw toKiroError({
    ...said,
    type: bareType(headers.get(':exception-type') ?? headers.get(':error-code') ?? said.type),
    message: headers.get(':error-message') || said.message,
  });
}

function readEvent(name: string, frame: Frame): readonly KiroEvent[] {
  switch (name) {
    case 'assistantResponseEvent':
    case 'codeEvent': {
      const payload = payloadOf(frame);
      const text = textAt(payload, 'content');
      if (text === '') return NOTHING;
      const { modelId } = payload;
      return [typeof modelId === 'string' ? { type: 'text', text, modelId } : { type: 'text', text }];
    }
    case 'reasoningContentEvent': {
      const payload = payloadOf(frame);
      const text = textAt(payload, 'text');
      const signature = textAt(payload, 'signature');
      const redacted = textAt(payload, 'redactedContent');
      return [{ type: 'reasoning', text, signature, redacted }];
    }
    case 'toolUseEvent': {
      const payload = payloadOf(frame);
      const id = textAt(payload, 'toolUseId');
      if (id === '') throw new GatewayError('upstream-protocol', 'Kiro sent a tool call without an id; try again.');
      const input = inputAt(payload);
      return [{ type: 'tool-use', id, name: textAt(payload, 'name'), input, stop: payload['stop'] === true }];
    }
    // Odd numbers beside an answer must not spoil it: it was said and paid for.
    case 'metadataEvent':
      return readMetadata(recordOf(parseJson(frame.payload)));
    case 'contextUsageEvent':
      return readPercentage(recordOf(parseJson(frame.payload)));
    case 'meteringEvent': {
      const credits = recordOf(parseJson(frame.payload))['usage'];
      return isAmount(credits) ? [{ type: 'metering', credits }] : NOTHING;
    }
    case 'invalidStateEvent':
      throw toKiroError({ ...readFailureBody(frame.payload), type: 'InvalidStateEvent' });
    default:
      return OF_NO_USE.has(name) ? NOTHING : [{ type: 'unknown', name }];
  }
}

function readMetadata(payload: JsonObject): readonly KiroEvent[] {
  const tokenUsage = recordOf(payload['tokenUsage']);
  // Clients read whole numbers, and some read nothing else.
  const tokens = (key: string): number => (isAmount(tokenUsage[key]) ? Math.round(tokenUsage[key]) : 0);
  const usage = {
    // Some streams state only the sum.
    uncachedInputTokens: tokens('uncachedInputTokens' in tokenUsage ? 'uncachedInputTokens' : 'inputTokens'),
    outputTokens: tokens('outputTokens'),
    cacheReadTokens: tokens('cacheReadInputTokens'),
    cacheWriteTokens: tokens('cacheWriteInputTokens'),
  };
  const events: KiroEvent[] = [...readPercentage(tokenUsage), ...readPercentage(payload)];
  // Some events hold only zeros, possibly after one with true numbers.
  if (Object.values(usage).some((count) => count > 0)) events.unshift({ type: 'token-usage', usage });
  const { stopReason } = payload;
  if (typeof stopReason === 'string' && stopReason !== '') {
    events.push({ type: 'stop-reason', reason: stopReason.toUpperCase() });
  }
  return events;
}

function readPercentage(payload: JsonObject): readonly KiroEvent[] {
  const percentage = payload['contextUsagePercentage'];
  return isAmount(percentage) && percentage > 0 ? [{ type: 'context-usage', percentage }] : NOTHING;
}

/** Amounts are added and multiplied; the bound keeps the results finite, because JSON has no infinity. */
function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1e12;
}

function payloadOf(frame: Frame): JsonObject {
  if (frame.payload === '') return {};
  const payload = parseJson(frame.payload);
  if (isRecord(payload)) return payload;
  throw new GatewayError('upstream-protocol', 'Kiro sent an event that is no JSON object; try again.');
}

/** Deltas are the hot path of every turn, so a field costs one `typeof` here and no Reader. */
function textAt(payload: JsonObject, key: string): string {
  const value = payload[key];
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  throw new GatewayError('upstream-protocol', `Kiro sent ${key} as ${typeof value} where a text belongs; try again.`);
}

/** Some streams deliver the input as an object; an empty one only announces the fragments that follow. */
function inputAt(payload: JsonObject): string {
  const input = payload['input'];
  if (typeof input !== 'object' || input === null) return textAt(payload, 'input');
  return Object.keys(input).length === 0 ? '' : JSON.stringify(input);
}

const NOTHING: readonly KiroEvent[] = [];
/** Known, and nothing that a client could be told. A frame that names no event is none. */
const OF_NO_USE: ReadonlySet<string> = new Set(
  (
    ' initial-response messageMetadataEvent followupPromptEvent codeReferenceEvent supplementaryWebLinksEvent citationEvent ' +
    'documentCitationEvent intentsEvent interactionComponentsEvent toolResultEvent dryRunSucceedEvent'
  ).split(' '),
);
