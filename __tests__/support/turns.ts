/** What the tests of turns share: scenes as bytes, and everything that a turn said until its end. */

import * as fc from 'fast-check';
import type { StreamEvent, Turn } from '../../src/core/stream.js';
import { toTurn, type Asked } from '../../src/kiro/stream.js';
import { encodeSceneLine, type SceneLine } from '../../src/simulator/frames.js';
import { told } from './bytes.js';

export const asked: Asked = { estimatedInputTokens: 100, windowTokens: 1000, restoreToolName: (name) => name };

export const say = (content: string): SceneLine => ({ event: 'assistantResponseEvent', payload: { content } });
export const think = (text: string): SceneLine => ({ event: 'reasoningContentEvent', payload: { text } });
export const sign = (signature: string): SceneLine => ({ event: 'reasoningContentEvent', payload: { signature } });
export const redact = (redactedContent: string): SceneLine => ({
  event: 'reasoningContentEvent',
  payload: { redactedContent },
});
export const call = (toolUseId: string, fields: object = {}): SceneLine => ({
  event: 'toolUseEvent',
  payload: { toolUseId, name: 'f', ...fields },
});
export const metadata = (payload: object): SceneLine => ({ event: 'metadataEvent', payload });
export const stopFor = (stopReason: string): SceneLine => metadata({ stopReason });
export const percentage = (contextUsagePercentage: number): SceneLine => ({
  event: 'contextUsageEvent',
  payload: { contextUsagePercentage },
});
export const metering = (usage: number): SceneLine => ({ event: 'meteringEvent', payload: { usage, unit: 'credit' } });
export const exception: SceneLine = { exception: 'ThrottlingException', payload: { message: 'Too many requests.' } };
export const errorFrame: SceneLine = { error: 'InternalFailure', message: 'It failed.' };

export function bytesOf(lines: readonly SceneLine[]): Buffer {
  return Buffer.concat(lines.map(encodeSceneLine));
}

/** The turn that these bytes make. */
export function turnOf(chunks: readonly Uint8Array[], about: Partial<Asked> = {}): Turn {
  return toTurn(stream(chunks), { ...asked, ...about }, new AbortController().signal);
}

/** All events of a turn in one list, and what it threw at the end. */
export async function hear(turn: Turn): Promise<{ readonly events: readonly StreamEvent[]; readonly thrown: unknown }> {
  const events: StreamEvent[] = [];
  try {
    for await (const batch of turn) events.push(...batch);
  } catch (thrown) {
    return { events, thrown: told(thrown) };
  }
  return { events, thrown: undefined };
}

export async function* stream(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

const fragment = fc.constantFrom('', '{', '}', '{"a":', '1', '{}', '"x', 'ha', ' ', '漢👍');
const id = fc.constantFrom('t1', 't2', 't3');

/** Lines of a scene in any order, likely or not. */
export const anyScene: fc.Arbitrary<readonly SceneLine[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fragment.map(say) },
    { weight: 2, arbitrary: fragment.map(think) },
    { weight: 2, arbitrary: fc.constantFrom('', 's1', 's2').map(sign) },
    { weight: 1, arbitrary: fc.constantFrom('', 'QQ==').map(redact) },
    { weight: 4, arbitrary: fc.tuple(id, fragment).map(([it, input]) => call(it, { input })) },
    { weight: 2, arbitrary: id.map((it) => call(it)) },
    { weight: 2, arbitrary: id.map((it) => call(it, { stop: true })) },
    { weight: 1, arbitrary: id.map((it) => call(it, { input: { a: [1] }, stop: true })) },
    { weight: 1, arbitrary: fc.constantFrom('END_TURN', 'TOOL_USE', 'MAX_TOKENS', 'NEW_REASON').map(stopFor) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 120, noNaN: true }).map(percentage) },
    { weight: 1, arbitrary: fc.constantFrom(0, 0.25, 1).map(metering) },
    { weight: 1, arbitrary: fc.constant(metadata({ tokenUsage: { uncachedInputTokens: 7, outputTokens: 3 } })) },
    { weight: 1, arbitrary: fc.constant<SceneLine>({ event: 'newEvent', payload: { content: 'no' } }) },
    { weight: 1, arbitrary: fc.constantFrom(exception, errorFrame) },
  ),
  { maxLength: 14 },
);
