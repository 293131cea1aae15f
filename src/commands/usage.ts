/** `usage`: what the plan gives, what is spent, and what this gateway spent. */

import { withUpstreamOptions, type Command } from './command.js';
import { openGatewayOrLogIn } from './with-login.js';

export const usage: Command = {
  name: 'usage',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('Show the credits of the plan and where they went')
        .option('--json', 'a JSON object, for scripts')
        .addHelpText('after', EXAMPLES),
    ),
  async run(_, options, context) {
    const [{ sumUp }, { writeUsage, writeUsageJson }] = await Promise.all([
      import('./usage-sums.js'),
      import('./usage-report.js'),
    ]);
    const opened = await openGatewayOrLogIn(context, options);
    try {
      const limits = await opened.gateway.usage(context.stopSignal());
      const entries = await opened.ledger?.read(DAYS);
      const report = { limits, spent: entries && sumUp(entries, context.now()), now: context.now() };
      const isJson = options['json'] === true;
      await context.terminal.result(isJson ? writeUsageJson(report) : writeUsage(report, context.terminal.style));
      return 0;
    } finally {
      await opened.close();
    }
  },
};

const DAYS = 30;

const EXAMPLES = `
Examples:
  kiro-gateway usage
  kiro-gateway usage --json | jq .credits.left
`;
