/** Parameters that all vendors have: effort, limits, the session's name, and the fate of all that Kiro does not know. */

import type { Effort, Limits } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import type { Reader } from '../core/reader.js';
import type { RequestHeaders } from './dialect.js';
import { note, type Notices } from './notices.js';

/** What becomes of each parameter of a dialect. `docs/compatibility.md` says the same, and a test compares them. */
export type ParameterTable = Readonly<Record<string, Fate>>;

export type Fate =
  /** Carried to Kiro, or it is about the answer's form, which is ours. */
  | { readonly fate: 'works' }
  /** The gateway does what Kiro cannot. */
  | { readonly fate: 'emulated' }
  /** It asks for nothing that could show in an answer. */
  | { readonly fate: 'accepted' }
  /** The client is told when its value would have changed the answer. */
  | { readonly fate: 'ignored'; readonly matters: (value: Reader) => boolean }
  /** When this is asked for, no other answer would do. */
  | {
      readonly fate: 'refused';
      readonly isAsked: (value: Reader) => boolean;
      readonly why: string;
      readonly details?: Readonly<Record<string, unknown>>;
    };

/** @throws GatewayError `invalid-request` for the first parameter that is refused. */
export function refuseParameters(body: Reader, table: ParameterTable): void {
  for (const [param, fate] of Object.entries(table)) {
    if (fate.fate !== 'refused') continue;
    const value = body.optional(param);
    if (value === undefined || !fate.isAsked(value)) continue;
    const details = fate.details ?? { error_code: 'unsupported_parameter' };
    throw new GatewayError('invalid-request', `${param}: ${fate.why}`, { param, details });
  }
}

/** Notes the parameters that are ignored and would have mattered. */
export function noteIgnoredParameters(body: Reader, table: ParameterTable, notices: Notices): void {
  for (const [param, fate] of Object.entries(table)) {
    if (fate.fate !== 'ignored') continue;
    const value = body.optional(param);
    if (value !== undefined && fate.matters(value)) note(notices, 'ignored', value.path);
  }
}

/** Where the answer has to end; undefined when nothing says so. */
export function readLimits(maxTokens: Reader | undefined, stops: readonly string[]): Limits | undefined {
  const stopSequences = stops.filter((it) => it !== '');
  if (maxTokens === undefined && stopSequences.length === 0) return undefined;
  return { maxTokens: maxTokens === undefined ? undefined : readWholeNumber(maxTokens), stopSequences };
}

function readWholeNumber(value: Reader): number {
  const number = value.number();
  return Number.isInteger(number) && number >= 0 ? number : value.fail('must be a whole number');
}

/** An effort we have no word for is ignored: new ones come with new models. */
export function readEffort(value: Reader, notices: Notices): Effort | undefined {
  const word = value.string();
  const effort = EFFORTS.find((it) => it === word);
  if (effort === undefined) note(notices, 'ignored', value.path);
  return effort;
}

/** Any value. */
export function always(): boolean {
  return true;
}

/** Any word but those that ask for nothing. */
export function wordOtherThan(...standard: readonly string[]): (value: Reader) => boolean {
  return (value) => !standard.includes(value.string());
}

/** The session a client names in a header; Claude Code, opencode, Kilo and Codex do. */
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

const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
// A session of Codex has threads, one for each of its agents; each is a conversation of its own.
const SESSION_HEADERS = ['x-claude-code-session-id', 'x-session-id', 'x-session-affinity', 'thread-id', 'session-id'];
