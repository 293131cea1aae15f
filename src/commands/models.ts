/** `models`: what the account may use. */

import { withUpstreamOptions, type Command } from './command.js';
import { openGatewayOrLogIn } from './with-login.js';

export const models: Command = {
  name: 'models',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('List the models that this account may use')
        .option('--json', 'a JSON list, for scripts')
        .addHelpText('after', EXAMPLES),
    ),
  async run(_, options, context) {
    const { writeModels, writeModelsJson } = await import('./models-list.js');
    const { terminal } = context;
    const opened = await openGatewayOrLogIn(context, options);
    try {
      const list = await opened.gateway.models(context.stopSignal());
      await terminal.result(options['json'] === true ? writeModelsJson(list) : writeModels(list, terminal));
      return 0;
    } finally {
      await opened.close();
    }
  },
};

const EXAMPLES = `
Examples:
  kiro-gateway models
  kiro-gateway models --json | jq -r '.[].id'
`;
