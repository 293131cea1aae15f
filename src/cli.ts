/** The program: commands, usage errors, and the one printer of errors. */

import { Command, CommanderError } from 'commander';

import { commands } from './commands/index.js';
import type { Context } from './context.js';
import { toGatewayError, withSentence, type ErrorKind } from './core/errors.js';
import { redact } from './logger.js';
import { harmless } from './terminal/terminal.js';

/** Runs one command line, without `node` and the script. @returns the exit code; never throws. */
export async function main(argv: readonly string[], context: Context): Promise<number> {
  const { terminal } = context;
  let exitCode = 0;
  let help = '';
  const program = new Command('kiro-gateway')
    .description('Use your own Kiro login from any OpenAI or Anthropic client.')
    .version(context.version, '-v, --version')
    .helpCommand('help [command]', 'Show this help, or that of a command')
    // A whole help would push the error off the screen. The commands inherit this.
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void (help += text),
      writeErr: terminal.log,
      outputError: (text, write) => write(readable(text)),
    });
  for (const { name, define, run } of commands) {
    const command = define(program.command(name));
    command.action(async () => {
      exitCode = await run(command.args, command.opts(), context);
    });
  }
  try {
    await program.parseAsync(withBareDemo(withOwnHelp(argv)), { from: 'user' }).catch((thrown: unknown) => {
      if (!(thrown instanceof CommanderError)) throw thrown;
      exitCode = thrown.exitCode === 0 ? 0 : USAGE;
    });
    if (help !== '') await terminal.result(help);
    return exitCode;
  } catch (thrown) {
    const error = toGatewayError(thrown);
    const pauseSeconds = error.facts.retryAfterSeconds ?? 0;
    // A shorter one the gateway has waited for itself.
    const wait = pauseSeconds > 60 ? `Try again in ${Math.ceil(pauseSeconds / 60)} min.` : undefined;
    const advice = ADVICE[error.kind] ?? wait;
    terminal.note(readable(advice === undefined ? error.message : withSentence(error.message, advice)));
    const { cause } = error.facts;
    if (error.kind === 'internal' && /^debug$/i.test(context.machine.env['LOG_LEVEL'] ?? '')) {
      terminal.note(readable(String(cause instanceof Error ? cause.stack : cause)));
    }
    return EXIT_CODES[error.kind];
  }
}

/** Without secrets and what a terminal would obey: it may repeat what somebody else has said. */
function readable(text: string): string {
  return harmless(redact(text));
}

/** `help COMMAND` as `COMMAND --help`; where there is no such command, commander would answer either with the whole help. */
function withOwnHelp(argv: readonly string[]): readonly string[] {
  const words = argv[0] === 'help' ? [...argv.slice(1, 2), '--help'] : argv;
  const [name = ''] = words;
  const isKnown = name.startsWith('-') || name === 'help' || commands.some((it) => it.name === name);
  return isKnown ? words : words.slice(0, 1);
}

/** `--demo` of a command alone takes no value, so that the prompt after it stays a prompt; commander would swallow it. */
function withBareDemo(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  const isOption = (arg: string, index: number): boolean =>
    index > 0 && (end === -1 || index < end) && arg === '--demo';
  return argv.map((arg, index) => (isOption(arg, index) ? '--demo=' : arg));
}

/** What Kiro's own words leave out, because clients know it. */
const ADVICE: Partial<Record<ErrorKind, string>> = {
  'context-overflow': 'Send less, or choose a model with a larger window.',
  'model-not-found': '`kiro-gateway models` lists those that you may use.',
};

const USAGE = 2;

/** 0 done, 1 failed, 2 usage, 4 log in, 130 interrupted. */
const EXIT_CODES = {
  'invalid-request': USAGE,
  unauthorized: 1,
  'not-logged-in': 4,
  'login-expired': 4,
  forbidden: 1,
  'model-not-found': 1,
  'context-overflow': 1,
  'rate-limited': 1,
  'quota-exhausted': 1,
  overloaded: 1,
  'upstream-unavailable': 1,
  'upstream-protocol': 1,
  cancelled: 130,
  internal: 1,
} as const satisfies Record<ErrorKind, number>;
