/** Parameters that both vendors have: the model's effort, the session's name, and all that is not carried to Kiro. */

import type { Effort } from '../core/conversation.js';
import type { Reader } from '../core/reader.js';
import type { RequestHeaders } from './dialect.js';
import { note, type Notices } from './notices.js';

/** For each parameter we do not carry: whether this value would change the answer, and so deserves a notice. */
export type Ignored = Readonly<Record<string, (value: Reader) => boolean>>;

/** Notes the parameters that are set to something else than what happens anyway. */
export function noteIgnored(body: Reader, ignored: Ignored, notices: Notices): void {
  for (const [name, changesAnswer] of Object.entries(ignored)) {
    const value = body.optional(name);
    if (value !== undefined && changesAnswer(value)) note(notices, 'ignored', value.path);
  }
}

/** An effort we have no word for is ignored: new ones come with new models. */
export function readEffort(value: Reader, notices: Notices): Effort | undefined {
  const word = value.string();
  const effort = EFFORTS.find((it) => it === word);
  if (effort === undefined) note(notices, 'ignored', value.path);
  return effort;
}

/** The session a client names in a header; Claude Code, opencode and Kilo do. */
export function sessionFromHeaders(headers: RequestHeaders): string | undefined {
  return SESSION_HEADERS.flatMap((name) => headers[name] ?? []).find((it) => it !== '');
}

/** Any number but the one that is the standard anyway. */
export function numberOtherThan(standard?: number): (value: Reader) => boolean {
  return (value) => value.number() !== standard;
}

/** A list with something in it. */
export function isFilledList(value: Reader): boolean {
  return value.array().length > 0;
}

/** One string, or a list with strings in it. */
export function hasStrings(value: Reader): boolean {
  return value.isString() || value.array().map((it) => it.string()).length > 0;
}

const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
const SESSION_HEADERS = ['x-claude-code-session-id', 'x-session-id', 'x-session-affinity'];
