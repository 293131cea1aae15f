/** Lines for the person who runs the gateway: levels, and no secret in any of them. */

import { GatewayError } from './core/errors.js';
import type { Secret } from './core/secret.js';

export type LogLevel = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';

export type Logger = {
  debug(message: string): void;
  info(message: string): void;
  /** @param cause Its message is appended, its stack never. */
  warn(message: string, cause?: unknown): void;
  error(message: string, cause?: unknown): void;
  /** From now on this very value is unreadable in every line, whatever it looks like. */
  hide(secret: Secret | undefined): void;
};

export function createLogger(options: {
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}): Logger {
  const hidden = new Set<string>();
  const least = LEVELS.indexOf(options.level);
  const log = (level: LogLevel, message: string, cause?: unknown): void => {
    if (LEVELS.indexOf(level) < least) return;
    const time = new Date(options.now()).toISOString().slice(11, 19);
    const reason = cause === undefined ? '' : ` (${reasonOf(cause)})`;
    options.write(
      `${time} ${level.padEnd(5)} ${redact(without(hidden, message + reason)).replaceAll(/[\r\n]+/g, ' ')}\n`,
    );
  };
  return {
    debug: (message) => log('DEBUG', message),
    info: (message) => log('INFO', message),
    warn: (message, cause) => log('WARN', message, cause),
    error: (message, cause) => log('ERROR', message, cause),
    hide(secret) {
      const value = secret?.reveal() ?? '';
      // A word of a few letters would make holes in every line.
      if (value.length >= 8) hidden.add(value);
    },
  };
}

function without(hidden: ReadonlySet<string>, text: string): string {
  return [...hidden].reduce((rest, value) => rest.replaceAll(value, '[secret]'), text);
}

/** Everything in a text that looks like a secret of Kiro's or ours, made unreadable. */
export function redact(text: string): string {
  return SECRETS.reduce((line, [pattern, replacement]) => line.replace(pattern, replacement), text);
}

/** Ours says it all; a foreign error's message and its cause's code help to find a bug. */
function reasonOf(cause: unknown): string {
  if (cause instanceof GatewayError) {
    const deeper = cause.facts.cause === undefined ? '' : `: ${reasonOf(cause.facts.cause)}`;
    return `${cause.kind}: ${cause.message}${deeper}`;
  }
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : typeof cause;
}

const LEVELS: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARN', 'ERROR'];

const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer\s+)[^\s"',]+/gi, '$1[secret]'],
  [/\b(?:aoa|aor)[A-Za-z0-9_\-:/+=.]{12,}/g, '[secret]'],
  [/\bksk_[A-Za-z0-9_-]+/g, '[secret]'],
  [/\bkgw-[A-Za-z0-9_-]+/g, '[secret]'],
  [/\beyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)*/g, '[secret]'],
  [
    /((?:access|refresh|id)_?token|client_?secret|api_?key|authorization|password)(["']?\s*[:=]\s*["']?)[^\s"',&}]+/gi,
    '$1$2[secret]',
  ],
];
