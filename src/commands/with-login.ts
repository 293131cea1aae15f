/** The gateway of a command; where nobody is logged in yet and a person is there, after an offer to do that now. */

import type { Context } from '../context.js';
import { GatewayError } from '../core/errors.js';
import type { OpenedGateway, OpenOptions } from '../open-gateway.js';
import type { CommandOptions } from './command.js';

/** @throws GatewayError like `openGateway`; `not-logged-in` when the offer is declined. */
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
    const [{ logIn }, { DEFAULT_LOGIN }] = await Promise.all([
      import('./login-steps.js'),
      import('../auth/login-names.js'),
    ]);
    const { profile = DEFAULT_LOGIN, envFile } = options;
    await logIn({ profile, envFile }, withoutResults(context));
    return openGateway(context, options, about);
  }
}

/** What the login says is talk here: the result is that of the command. */
function withoutResults(context: Context): Context {
  const { terminal } = context;
  const result = (text: string): Promise<boolean> => {
    terminal.log(text);
    return Promise.resolve(true);
  };
  return { ...context, terminal: { ...terminal, result } };
}
