/** What a command is: its words for commander, and what it does. */

import type { Command as CommanderCommand } from 'commander';

import type { Context } from '../context.js';

export type Command = {
  readonly name: string;
  /** Adds arguments, options and examples. */
  define(command: CommanderCommand): CommanderCommand;
  /** @returns the exit code. @throws GatewayError, which the caller prints. */
  run(args: readonly string[], options: CommandOptions, context: Context): Promise<number>;
};

/** Options as commander hands them out: texts, `true` for those without a value. */
export type CommandOptions = Readonly<Record<string, string | boolean | undefined>>;

/** The options that every command which talks to Kiro has. */
export function withUpstreamOptions(command: CommanderCommand): CommanderCommand {
  return command
    .option('--demo [=scenario]', 'talk to the built-in simulator: no account, no network')
    .option('--env-file <path>', 'read settings from this file');
}
