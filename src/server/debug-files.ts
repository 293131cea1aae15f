/** The files of DEBUG_MODE, one a request: without secrets, private, and bounded in size, number and age. */

import { lstat } from 'node:fs/promises';
import { join } from 'node:path';

import { filesByAge, makePrivateFolder, readPrivateFile, sweep, writePrivateFile } from '../auth/files.js';
import { GatewayError } from '../core/errors.js';
import { isRecord, Reader, recordOf, textOf } from '../core/reader.js';
import { runsOf } from '../core/runs.js';

export type CapturedRequest = {
  /** As the client was told it: `req_…`. */
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
};

/** What a file holds. Secrets are made unreadable, media are left out and long texts cut; all else is as it was. */
export type Capture = {
  /** ISO 8601. */
  readonly time: string;
  readonly milliseconds: number;
  readonly gateway: string;
  readonly client: CapturedRequest;
  /** Each time that Kiro was asked, in order. */
  readonly attempts: readonly CapturedAttempt[];
  readonly outcome: {
    readonly state: 'finished' | 'failed' | 'client-left';
    readonly finishReason?: string;
    readonly credits?: number | undefined;
    readonly error?: { readonly kind: string; readonly message: string; readonly reason?: string | undefined };
  };
};

export type CapturedAttempt = {
  readonly url: string;
  /** The length of the body as it was sent. */
  readonly characters: number;
  readonly body: unknown;
  /** Undefined when no answer came; `failure` then says why. */
  readonly status?: number;
  readonly requestId?: string | null;
  /** For an event stream: headers and payload of each frame. */
  readonly events?: readonly CapturedEvent[];
  /** The body of any other answer. */
  readonly text?: string;
  /** Why the answer ended before it was complete, or what was wrong with it. */
  readonly failure?: string;
};

export type CapturedEvent = { readonly headers: Readonly<Record<string, string>>; readonly payload: unknown };

/**
 * Replaces the oldest when there are too many.
 * @param how.hide Makes the secrets in a text unreadable.
 * @throws GatewayError `forbidden` where a symbolic link is in the way; file system errors as they come.
 */
export async function writeCapture(
  stateFolder: string,
  capture: Capture,
  { hide, now }: { readonly hide: (text: string) => string; readonly now: () => number },
): Promise<void> {
  const folder = captureFolder(stateFolder);
  await makePrivateFolder(stateFolder);
  if ((await lstat(folder).catch(() => undefined))?.isSymbolicLink() === true) {
    throw new GatewayError('forbidden', `${folder} is a symbolic link`);
  }
  await writePrivateFile(pathOf(stateFolder, capture.client.id), `${formatCapture(capture, hide)}\n`);
  await sweep(folder, (name) => OURS.test(name), now() - MAX_AGE_MS, MAX_FILES);
}

/** The requests that were captured, the newest first. */
export async function listCaptures(stateFolder: string): Promise<readonly string[]> {
  const files = await filesByAge(captureFolder(stateFolder), (name) => OURS.test(name) && name.endsWith('.json'));
  return files.map(({ name }) => name.slice(0, -'.json'.length));
}

/**
 * Undefined when the request was not captured.
 * @throws GatewayError when the file cannot be read.
 */
export async function readCapture(stateFolder: string, id: string): Promise<Capture | undefined> {
  if (!/^req_[A-Za-z0-9]{1,64}$/.test(id)) return undefined;
  const path = pathOf(stateFolder, id);
  const text = await readPrivateFile(path, MAX_CHARACTERS * 4);
  if (text === undefined) return undefined;
  try {
    const found = new Reader(JSON.parse(text), 'internal', 'capture');
    for (const attempt of found.get('attempts').array()) void new URL(attempt.get('url').string());
    found.get('outcome').get('state').string();
    found.get('client').get('headers').object();
    // The cast is our own file: `save` writes nothing else, and the parts that a damaged one lacks were just read.
    return found.value as Capture;
  } catch {
    throw new GatewayError('forbidden', `The capture ${path} is damaged; remove it.`);
  }
}

export function captureFolder(stateFolder: string): string {
  return join(stateFolder, 'debug');
}

function pathOf(stateFolder: string, id: string): string {
  return join(captureFolder(stateFolder), `${id}.json`);
}

/** As JSON without secrets, its texts the shorter the more there are of them. */
function formatCapture(capture: Capture, hide: (text: string) => string): string {
  const whole = capture.attempts.map((it) => ({ ...it, events: it.events && withWholeSecrets(it.events, hide) }));
  const hidden = hideSecrets({ ...capture, attempts: whole }, hide);
  for (const limit of [400_000, 40_000, 4_000, 400]) {
    const text = JSON.stringify(hidden, (_, value: unknown) => (typeof value === 'string' ? cut(value, limit) : value));
    if (text.length <= MAX_CHARACTERS) return text;
  }
  const { client, ...rest } = capture;
  const left = 'left out: there is too much of it';
  const attempts = capture.attempts.map((it) => ({ ...it, body: left, events: [] }));
  return JSON.stringify(hideSecrets({ ...rest, client: { ...client, body: left }, attempts }, hide));
}

/** Secrets are found by key and by pattern. Media are no secrets, but large, and nothing can be learnt from them. */
function hideSecrets(value: unknown, hide: (text: string) => string): unknown {
  if (typeof value === 'string') {
    return MEDIA.test(value) ? `[${value.length} characters of base64]` : hide(value);
  }
  if (Array.isArray(value)) return value.map((it) => hideSecrets(it, hide));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, it]) => {
      const isSecret = SECRET_KEYS.test(key) && (typeof it === 'string' || typeof it === 'number');
      return [hide(key), isSecret ? '[secret]' : hideSecrets(it, hide)];
    }),
  );
}

/** A secret that Kiro says arrives in pieces, none of which looks like one: a run that holds one becomes one event. */
function withWholeSecrets(events: readonly CapturedEvent[], hide: (text: string) => string): readonly CapturedEvent[] {
  const deltas = events.map((event) => {
    const payload = recordOf(event.payload);
    const key = DELTA_KEYS.find((it) => typeof payload[it] === 'string');
    const name = `${key} ${textOf(payload['toolUseId'])}`;
    return { event, payload, key, name, text: key === undefined ? '' : textOf(payload[key]) };
  });
  return runsOf(deltas, ({ name }, first) => name === first.name).flatMap((run) => {
    const [{ event, payload, key = '' }] = run;
    const whole = hide(run.map(({ text }) => text).join(''));
    if (whole === run.map(({ text }) => hide(text)).join('')) return run.map((it) => it.event);
    return [{ ...event, payload: { ...payload, [key]: whole } }];
  });
}

/**
 * What can be shown to strangers of a request or an answer: its form. Texts become their lengths, except where the
 * protocol gives a choice of words; names that a person has made up become numbers.
 */
export function shapeOf(value: unknown, key = '', isPrivate = false): unknown {
  if (typeof value === 'string') {
    const isWord = !isPrivate && WORD_KEYS.test(key) && /^(?!.*:\/\/)[\w ./:;,()+=-]{0,120}$/.test(value);
    return isWord ? value : `text(${value.length})`;
  }
  if (Array.isArray(value)) return collapsed(value.map((it) => shapeOf(it, key, isPrivate)));
  if (!isRecord(value)) return isPrivate && value !== null ? typeof value : value;
  const isInside = isPrivate || INPUT_KEYS.test(key);
  const isNamed = !isInside && !MAP_KEYS.test(key);
  return Object.fromEntries(
    Object.entries(value).map(([name, it], index) => {
      const isPlain = isNamed && /^:?[A-Za-z_$][\w.-]{0,60}$/.test(name);
      return [isPlain ? name : `#${index + 1}`, shapeOf(it, name, isInside)];
    }),
  );
}

/** Neighbours of the same form once, with their number. */
function collapsed(shapes: readonly unknown[]): readonly unknown[] {
  const known = shapes.map((shape) => ({ shape, text: JSON.stringify(shape) }));
  return runsOf(known, ({ text }, first) => text === first.text).flatMap(([{ shape: first }, ...more]) =>
    more.length === 0 ? [first] : [first, `and ${more.length} more like it`],
  );
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… [${text.length - limit} more characters]`;
}

/** Those too that a crash has left half written. */
const OURS = /^req_\w+\.json/;
const MAX_FILES = 50;
const MAX_AGE_MS = 7 * 24 * 3_600_000;
/** The most characters of one capture, which are about as many bytes: most of it is ASCII. */
const MAX_CHARACTERS = 4_000_000;

const DELTA_KEYS = ['content', 'text', 'input'] as const;
const MEDIA = /^(?:data:[^,]{0,100};base64,)?[A-Za-z0-9+/]{1000,}={0,2}$/;
const SECRET_KEYS =
  /^(?:cookie|set-cookie|passwd|credentials?)$|authorization|password|secret|api[-_]?key|private[-_]?key|token$/i;
/** Whose texts are words of a protocol. */
const WORD_KEYS =
  /^(?::[\w-]+|type|role|model|modelId|origin|status|state|format|media_type|effort|reasoning_effort|tool_choice|method|path|chatTriggerType|agentTaskType|(?:stop|finish)_?reason|kind|reason|__type|unit|user-agent|anthropic-(?:version|beta)|accept|content-type)$/i;
/** Whose objects a person or a model has made up. */
const INPUT_KEYS = /^(?:input|arguments|metadata|logit_bias|variables)$/;
/** Whose keys are made up, and whose values are not. */
const MAP_KEYS = /^(?:properties|patternProperties|\$defs|definitions)$/;
