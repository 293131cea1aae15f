/** What a command is, and what the commands share: options, and a gateway to work with. */

import type { CommandOptions } from '../settings.js';
import type { Command as CommanderCommand } from 'commander';

import type { Context } from '../context.js';
import { GatewayError } from '../core/errors.js';
import type { OpenedGateway, OpenOptions } from '../open-gateway.js';

export type Command = {
  readonly name: string;
  /** Adds arguments, options and examples. */
  define(command: CommanderCommand): CommanderCommand;
  readonly run: Run;
};

/** @returns the exit code. @throws GatewayError, which the caller prints. */
export type Run = (args: readonly string[], options: CommandOptions, context: Context) => Promise<number>;

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
    .option('--demo [=scenario]', 'with the login of the built-in simulator, which is stored nowhere')
    .option('--profile <name>', 'name of the login (default: default)')
    .option('--env-file <path>', 'read settings from this file');
}

/** Does the work with a gateway that is closed afterwards. @throws GatewayError like `openGatewayOrLogIn`. */
export async function withGateway<Result>(
  context: Context,
  options: CommandOptions,
  work: (opened: OpenedGateway) => Promise<Result>,
  about?: OpenOptions,
): Promise<Result> {
  const opened = await openGatewayOrLogIn(context, options, about);
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

/**
 * Where nobody is logged in yet and a person is there, after an offer to do that now.
 * @throws GatewayError like `openGateway`; `not-logged-in` when the offer is declined.
 */
export async function openGatewayOrLogIn(
  context: Context,
  options: CommandOptions,
  about?: OpenOptions,
): Promise<OpenedGateway> {
  // Loaded here, so that `--help` does not wait for the whole gateway.
  const { openGateway } = await import('../open-gateway.js');
  try {
    return await openGateway(context, options, about);
  } catch (thrown) {
    if (!(thrown instanceof GatewayError) || thrown.facts.reason !== 'no-login') throw thrown;
    const prompts = await context.loadPrompts();
    if (prompts === undefined || !(await prompts.agree('You are not logged in to Kiro. Log in now?'))) throw thrown;
    const { login } = await import('./login.js');
    const { profile = 'default', envFile } = options;
    // What the login says is talk here: the result is that of the command.
    const { terminal } = context;
    const result = (text: string): Promise<boolean> => {
      terminal.log(text);
      return Promise.resolve(true);
    };
    await login([], { profile, envFile }, { ...context, terminal: { ...terminal, result } });
    return openGateway(context, options, about);
  }
}
