/** The scenes in `golden/`: where they are, what the simulator's encoder makes of them, and how they are played. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayError } from '../../src/core/errors.js';
import { toGatewayError } from '../../src/core/errors.js';
import { begin, type StreamEvent } from '../../src/core/stream.js';
import type { Reply } from '../../src/dialects/dialect.js';
import { READ_AS_IS } from '../../src/kiro/answer-text.js';
import { toTurn, type Asked } from '../../src/kiro/stream.js';
import { encodeSceneLine, type SceneLine } from '../../src/simulator/frames.js';
import { stream } from './turns.js';

export const GOLDEN = join(import.meta.dirname, '..', 'golden');

/** Scenes of an answer hold what Kiro sent; scenes of a request hold what clients sent. */
export const ANSWERS = scenesWith('upstream.jsonl');
export const REQUESTS = scenesWith('openai-chat.request.json');

/** Reasoning in tags was asked for: where none comes, that changes nothing. */
export const ASKED: Asked = {
  estimatedInputTokens: 42,
  windowTokens: 200_000,
  restoreToolName: (name) => name,
  reading: { ...READ_AS_IS, tags: 'as_reasoning_content' },
};

/** What every golden answer says about itself. */
export const REPLY: Reply = {
  id: '0123456789abcdef01234567',
  createdAt: 1_767_225_600,
  model: 'claude-sonnet-4.5',
  includeUsage: true,
  replyContext: { forms: new Map() },
};

export function readUpstream(scene: string): readonly SceneLine[] {
  const lines = readFileSync(join(GOLDEN, scene, 'upstream.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line): SceneLine => JSON.parse(line));
}

/** All that came out of a turn; a failure before the first event leaves no events. */
export type Played = { readonly events: readonly StreamEvent[]; readonly failedEarly: GatewayError | undefined };

/** The path of production from bytes to events. */
export async function play(chunks: Iterable<Uint8Array>, asked: Asked = ASKED): Promise<Played> {
  const events: StreamEvent[] = [];
  try {
    for await (const batch of await begin(toTurn(stream(chunks), asked, new AbortController().signal)))
      events.push(...batch);
  } catch (thrown) {
    return { events, failedEarly: toGatewayError(thrown) };
  }
  return { events, failedEarly: undefined };
}

export async function playScene(scene: string): Promise<Played> {
  return play(readUpstream(scene).map(encodeSceneLine));
}

/** An error as JSON shows none: its message, its kind and its facts without those that are not set. */
export function plainError({ kind, message, facts }: GatewayError): object {
  const { cause: _, ...told } = facts;
  return { kind, message, ...told };
}

/** One event as it stands in `events.jsonl`. */
export function plainEvent(event: StreamEvent): object {
  const plain = event.type === 'error' ? { type: event.type, error: plainError(event.error) } : event;
  return JSON.parse(JSON.stringify(plain)) as object;
}

function scenesWith(file: string): readonly string[] {
  if (!existsSync(GOLDEN)) return [];
  return readdirSync(GOLDEN).filter((scene) => existsSync(join(GOLDEN, scene, file)));
}
