/** `status`: who we are, where that rests and how long it lasts. Asks nobody over the network. */

import { withLoginOptions, type Command } from './command.js';

export const status: Command = {
  name: 'status',
  define: (command) =>
    withLoginOptions(
      command
        .description('Say which Kiro login is used, where it rests and how long it lasts')
        .option('--json', 'as JSON')
        .option('--show-key', 'also show the gateway key that clients must present'),
    ),
  async run(_, options, context) {
    const [{ readStatus }, { describeStatus }] = await Promise.all([
      import('./status-facts.js'),
      import('./status-words.js'),
    ]);
    const { terminal } = context;
    const facts = await readStatus(options, context);
    const text =
      options['json'] === true
        ? JSON.stringify(facts, undefined, 2)
        : describeStatus(facts, context.now(), terminal.style);
    await terminal.result(`${text}\n`);
    return facts.loggedIn ? 0 : NOT_LOGGED_IN;
  },
};

const NOT_LOGGED_IN = 4;
