/** Lines for the person who runs the gateway: levels, and no secret in any of them. */

import { GatewayError } from './core/errors.js';
import type { Secret } from './core/secret.js';
import { harmless } from './terminal/terminal.js';

export type LogLevel = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';

/**
 * `text`: time, level and words. `json`: one object per line. `screen`: as `text`, for somebody who looks at it now, so in
 * the time of the place. `talk`: the words alone, for a command that gives one answer.
 */
export type LogFormat = 'text' | 'json' | 'screen' | 'talk';

/** What a line of JSON has besides its words. */
export type LogFacts = Readonly<Record<string, string | number | boolean | undefined>>;

export type Logger = Readonly<ReturnType<typeof createLogger>>;

export function createLogger(options: {
  readonly level: LogLevel;
  /** `text` unless told otherwise. */
  readonly format?: LogFormat;
  readonly write: (line: string) => void;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}) {
  const { format = 'text', write, now } = options;
  const hidden = { always: new Set<string>(), lately: new Set<string>() };
  const least = LEVELS.indexOf(options.level);
  const redactAll = (text: string): string => redact(without([...hidden.always, ...hidden.lately], text));
  const clean = (text: string): string => harmless(redactAll(text).replaceAll(/[\r\n]+/g, ' '));
  const log = (level: LogLevel, message: string, cause?: unknown, facts: LogFacts = {}): void => {
    if (LEVELS.indexOf(level) < least) return;
    const reason = cause === undefined ? undefined : reasonOf(cause);
    const time = new Date(now()).toISOString();
    if (format === 'json') {
      const cleanFact = (_: string, value: unknown): unknown => (typeof value === 'string' ? clean(value) : value);
      write(`${JSON.stringify({ time, level, message, cause: reason, ...facts }, cleanFact)}\n`);
      return;
    }
    const words = clean(reason === undefined ? message : `${message} (${reason})`);
    const shownTime = format === 'screen' ? placeTime(now()) : time.slice(11, 19);
    write(format === 'talk' ? `${words}\n` : `${shownTime} ${level.padEnd(5)} ${words}\n`);
  };
  return {
    debug: (message: string): void => log('DEBUG', message),
    info: (message: string, facts?: LogFacts): void => log('INFO', message, undefined, facts),
    /** @param cause Its message is appended, its stack never. */
    warn: (message: string, cause?: unknown, facts?: LogFacts): void => log('WARN', message, cause, facts),
    error: (message: string, cause?: unknown): void => log('ERROR', message, cause),
    /** The text as a line of the log would have it: on one line, without secrets and what a terminal would obey. */
    clean,
    /** The text without secrets, those of `hide` too. */
    redact: redactAll,
    /**
     * The error, without the secrets of the login in its words: they may be Kiro's, which might quote a token. Others Kiro
     * has not, and a gateway key may be a word of ours.
     */
    hushed: ({ kind, message, facts }: GatewayError) =>
      new GatewayError(kind, without([...hidden.lately], message), facts),
    /**
     * From now on this very value is unreadable in every line, whatever it looks like.
     * @param span `lately` for what is renewed and hidden again and again: of these the latest few hundred, for the
     * oldest have expired days ago.
     */
    hide(secret: Secret | undefined, span: keyof typeof hidden = 'always'): void {
      const value = secret?.reveal() ?? '';
      // A word of a few letters would make holes in every line.
      if (value.length < 8) return;
      const values = hidden[span];
      values.delete(value);
      values.add(value);
      const [oldest] = values;
      if (span === 'lately' && values.size > MOST_LATELY && oldest !== undefined) values.delete(oldest);
    },
  };
}

/** `15:04:05`, by the clock on the wall. */
export function placeTime(time: number): string {
  return new Date(time).toTimeString().slice(0, 8);
}

function without(values: readonly string[], text: string): string {
  return values.reduce((rest, value) => rest.replaceAll(value, '[secret]'), text);
}

/** Everything in a text that looks like a secret, made unreadable. */
export function redact(text: string): string {
  return SECRETS.reduce((line, [pattern, replacement]) => line.replace(pattern, replacement), text);
}

/** Our own error with its causes; a foreign one by its name and message. */
function reasonOf(cause: unknown): string {
  if (cause instanceof GatewayError) {
    const { kind, message, facts } = cause;
    if (facts.cause === undefined) return `${kind}: ${message}`;
    return `${kind}: ${message.replace(/\.$/, '')}: ${reasonOf(facts.cause)}`;
  }
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : typeof cause;
}

/** A token is renewed once an hour, and each time with a new refresh token. */
const MOST_LATELY = 300;

const LEVELS: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARN', 'ERROR'];

const SECRETS: readonly (readonly [RegExp, string])[] = [
  // Kiro's own "The bearer token included in the request is invalid." has none.
  [/\b(Bearer\s+)(?!token\s)[^\s"',]+/gi, '$1[secret]'],
  [/\b(?:aoa|aor)[A-Za-z0-9_\-:/+=.]{12,}/g, '[secret]'],
  [/\bksk_[\w\-:/+=.]*[\w\-/+=]/g, '[secret]'],
  [/\bkgw-[A-Za-z0-9_-]+/g, '[secret]'],
  [/\beyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)*/g, '[secret]'],
  // Of OpenAI, Anthropic and GitHub: what people paste into a prompt.
  [/\b(?:sk-|gh[a-z]_|github_pat_)[A-Za-z0-9_-]{16,}/g, '[secret]'],
  // AWS's own: the id of a key, and a session's token.
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}/g, '[secret]'],
  [/\bIQoJb3JpZ2lu[A-Za-z0-9/+=_-]+/g, '[secret]'],
  // A quote may itself be quoted, once or more.
  [
    /((?:access|refresh|id|session|security)[_-]?token|secret(?:[_-]?access)?[_-]?key|client_?secret|api[_-]?key|authorization|cookie|passw(?:or)?d)(\\*["']?\s*[:=]\s*\\*["']?)[^\s"'\\,&}]+/gi,
    '$1$2[secret]',
  ],
];
