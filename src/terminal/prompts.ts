/** Questions to the person at the terminal, on stderr. The only file that loads @clack/prompts; load it on demand. */

import type { Writable } from 'node:stream';

import { confirm, isCancel, log, note, password, select, text, updateSettings } from '@clack/prompts';

import { GatewayError } from '../core/errors.js';
import { Secret } from '../core/secret.js';

export type Prompts = Readonly<ReturnType<typeof createPrompts>>;

export type Choice<Value extends string> = { readonly value: Value; readonly label: string; readonly hint?: string };

/** A complaint, or undefined when the answer will do. */
export type Check = (answer: string) => string | undefined;

/** Every question rejects with GatewayError `cancelled` on Ctrl-C, Ctrl-D and Escape, and when the signal aborts. */
export function createPrompts(output: Writable, signal: AbortSignal) {
  // Node stops reading keys at it, and the question would wait for ever.
  updateSettings({ aliases: { [CONTROL_D]: 'cancel' } });
  const common = { output, signal };
  return {
    warn: (line: string): void => log.warn(line, { output }),
    /**
     * Lines in a box, for what must not be overlooked.
     * @param whole Below the box, which would break a long URL into lines that nobody can copy.
     */
    box(title: string, lines: readonly string[], whole = ''): void {
      // Something may be turning on this line.
      output.write(EMPTY_LINE);
      note(lines.join('\n'), title, { output, format: (line) => line });
      if (whole !== '') output.write(`${whole}\n\n`);
    },
    /** The first choice is the one that Enter takes. */
    async choose<Value extends string>(message: string, choices: readonly Choice<Value>[]): Promise<Value> {
      const options: Choice<string>[] = choices.map((it) => ({ ...it }));
      const answer = answered(await select<string>({ ...common, message, options }));
      const chosen = choices.find(({ value }) => value === answer);
      if (chosen === undefined) throw cancelled();
      return chosen.value;
    },
    agree: async (message: string): Promise<boolean> => answered(await confirm({ ...common, message })),
    ask: async (message: string, check: Check): Promise<string> =>
      answered(await text({ ...common, message, ...checkedBy(check) })).trim(),
    /** What is typed is not shown. */
    askSecret: async (message: string, check: Check): Promise<Secret> =>
      new Secret(answered(await password({ ...common, message, ...checkedBy(check) })).trim()),
    /**
     * Shows that something is under way until the promise has settled. Ctrl-C stays a signal meanwhile: the spinner of
     * clack takes over the keyboard and ends the process on it.
     */
    async during<Result>(message: string, work: Promise<Result>): Promise<Result> {
      let turn = 0;
      const draw = (): void => void output.write(`${EMPTY_LINE}${FRAMES[turn++ % FRAMES.length]}  ${message}`);
      draw();
      const timer = setInterval(draw, FRAME_MS);
      try {
        return await work;
      } finally {
        clearInterval(timer);
        output.write(EMPTY_LINE);
      }
    },
  };
}

function checkedBy(check: Check) {
  return { validate: (answer: string | undefined) => check((answer ?? '').trim()) };
}

function answered<Answer>(answer: Answer): Exclude<Answer, symbol> {
  if (isCancel(answer)) throw cancelled();
  // The only symbol that a prompt gives is the one of cancelling.
  return answer as Exclude<Answer, symbol>;
}

function cancelled(): GatewayError {
  return new GatewayError('cancelled', 'Stopped; nothing was stored.');
}

const CONTROL_D = '\u0004';
/** Back to its beginning, and nothing on it. */
const EMPTY_LINE = '\r\u001b[K';
const FRAMES = ['◒', '◐', '◓', '◑'];
const FRAME_MS = 120;
