/** Every scene in `golden/` comes out as its files say. `npm run golden` writes them anew; then the diff is to be read. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Conversation } from '../src/core/conversation.js';
import type { GatewayError } from '../src/core/errors.js';
import { Reader } from '../src/core/reader.js';
import type { StreamEvent } from '../src/core/stream.js';
import type { Dialect } from '../src/dialects/dialect.js';
import { dialects } from '../src/dialects/index.js';
import { readModelPage, resolveModel } from '../src/kiro/models.js';
import { toKiroRequest } from '../src/kiro/request.js';
import { listModels } from '../src/simulator/control.js';
import { checkChatRequest } from './support/rules.js';
import { ANSWERS, GOLDEN, plainEvent, playScene, REPLY, REQUESTS } from './support/scenes.js';

const isUpdating = process.env['UPDATE_GOLDEN'] === '1';

describe('an answer', () => {
  test.each(ANSWERS)('%s', async (scene) => {
    const { events, failedEarly } = await playScene(scene);
    const files = failedEarly === undefined ? toldFiles(events) : refusedFiles(failedEarly);
    compare(scene, ['about.md', 'upstream.jsonl'], files);
  });
});

describe('a request', () => {
  test.each(REQUESTS)('%s', (scene) => {
    const read = dialects.map((dialect) => readRequest(scene, dialect));
    const [first] = read;
    if (first === undefined) throw new Error('There are no dialects.');
    expect(read).toEqual(dialects.map(() => first));
    const { body, notices } = toKiroRequest(first, KIRO(first));
    expect([checkChatRequest(JSON.parse(body), { isProfileRequired: true }), notices]).toEqual([undefined, []]);
    compare(scene, ['about.md', ...dialects.map(requestFile)], {
      'conversation.json': pretty(first),
      'kiro-request.json': pretty(JSON.parse(body)),
    });
  });
});

test('every folder of golden/ is a scene that says what it shows', () => {
  expect([...ANSWERS, ...REQUESTS].toSorted()).toEqual(readdirSync(GOLDEN).toSorted());
  const about = [...ANSWERS, ...REQUESTS].map((scene) => readFileSync(join(GOLDEN, scene, 'about.md'), 'utf8'));
  expect(about.filter((text) => !/^[A-Z][\s\S]*\.\n$/.test(text))).toEqual([]);
});

type Files = Readonly<Record<string, string>>;

function toldFiles(events: readonly StreamEvent[]): Files {
  const last = events.at(-1);
  const files: Record<string, string> = { 'events.jsonl': lines(events.map(plainEvent)) };
  for (const dialect of dialects) {
    files[`${dialect.name}.sse`] = events.map(dialect.createStreamWriter(REPLY)).join('');
    if (last?.type === 'finish') files[`${dialect.name}.json`] = pretty(dialect.writeResponse(last.completion, REPLY));
    if (last?.type === 'error') files[`${dialect.name}.json`] = pretty(dialect.writeError(last.error, REQUEST_ID));
  }
  return files;
}

/** Nothing has been streamed, so the stream's own request gets the same answer. */
function refusedFiles(error: GatewayError): Files {
  return Object.fromEntries(
    dialects.map((dialect) => [`${dialect.name}.json`, pretty(dialect.writeError(error, REQUEST_ID))]),
  );
}

function readRequest(scene: string, dialect: Dialect): Conversation {
  const body: unknown = JSON.parse(readFileSync(join(GOLDEN, scene, requestFile(dialect)), 'utf8'));
  const { conversation, notices } = dialect.readRequest(new Reader(body), {});
  expect(notices).toEqual([]);
  return conversation;
}

function requestFile({ name }: Dialect): string {
  return `${name}.request.json`;
}

/** Whole files, and no others. */
function compare(scene: string, given: readonly string[], files: Files): void {
  const folder = join(GOLDEN, scene);
  if (isUpdating) {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  }
  const found = readdirSync(folder).filter((name) => !given.includes(name));
  expect(Object.fromEntries(found.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))).toEqual(files);
}

function lines(values: readonly object[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

const REQUEST_ID = 'req_0123456789abcdef01234567';

const KIRO = (conversation: Conversation) => ({
  model: resolveModel(conversation.model, readModelPage({ models: listModels() }).items),
  profileArn: 'arn:aws:codewhisperer:us-east-1:111122223333:profile/GOLDEN123456',
  continuationId: '00000000-0000-4000-8000-000000000000',
  toolDescriptionLimit: 10_000,
  tags: { when: true, maxTokens: 4000, handling: 'as_reasoning_content' as const },
  readsWrittenCalls: false,
  wasCut: () => false,
  marksCache: false,
});
