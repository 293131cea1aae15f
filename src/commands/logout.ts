/** `logout`: removes a stored login, every part of it from every store. */

import { withLoginOptions, type Command } from './command.js';

export const logout: Command = {
  name: 'logout',
  define: (command) => withLoginOptions(command.description('Remove a stored login from this machine')),
  async run(_, options, context) {
    const [{ openLoginDesk, storePlace }, { DEFAULT_LOGIN }, { usualPlace }] = await Promise.all([
      import('./login-desk.js'),
      import('../auth/login-names.js'),
      import('../auth/detect.js'),
    ]);
    const name = String(options['profile'] ?? DEFAULT_LOGIN);
    const desk = await openLoginDesk(context, options, context.terminal.note);
    const facts = await knownFacts(() => desk.logins.listLogins(), name);
    const wasThere = await desk.logins.removeLogin(name);
    const place = facts === undefined ? 'this machine' : storePlace(facts.store, desk.paths);
    await context.terminal.result(
      wasThere
        ? `Removed the login ${name}${facts === undefined ? '' : ` (${facts.account})`} from ${place}.\n`
        : `There is no stored login ${name}; nothing was removed.\n`,
    );
    if (usualPlace('env', desk.detection) !== undefined) {
      context.terminal.note('The environment still names a Kiro login; `kiro-gateway status` says which.');
    }
    return 0;
  },
};

/** A list that is damaged is for `removeLogin` to complain about. */
async function knownFacts<Facts extends { readonly name: string }>(
  list: () => Promise<readonly Facts[]>,
  name: string,
): Promise<Facts | undefined> {
  return (await list().catch(() => [])).find((it) => it.name === name);
}
