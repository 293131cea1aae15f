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

/** Options as commander hands them out: texts, `true` for those without a value, lists for those given repeatedly. */
export type CommandOptions = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** The options that every command which talks to Kiro has. */
export function withUpstreamOptions(command: CommanderCommand): CommanderCommand {
  return command
    .option('--demo [=scenario]', 'talk to the built-in simulator: no account, no network')
    .option('--profile <name>', 'use the login that `kiro-gateway login --profile <name>` stored')
    .option('--env-file <path>', 'read settings from this file');
}

/** The options that the commands about logins have, in place of those. */
export function withLoginOptions(command: CommanderCommand): CommanderCommand {
  return command
    .option('--profile <name>', 'name of the login (default: default)')
    .option('--env-file <path>', 'read settings from this file');
}
