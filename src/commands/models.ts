/** `models`: what the account may use. */

import { openGateway } from '../open-gateway.js';
import { withUpstreamOptions, type Command } from './command.js';

export const models: Command = {
  name: 'models',
  define: (command) => withUpstreamOptions(command.description('List the models that this account may use')),
  async run(_, options, context) {
    const opened = await openGateway(context, options);
    try {
      const list = await opened.gateway.models(context.stopSignal());
      const width = Math.max(...list.map((model) => model.id.length));
      for (const model of list) {
        const tokens = `${Math.round(model.maxInputTokens / 1000)}k`.padStart(6);
        await context.terminal.result(`${model.id.padEnd(width)}  ${tokens}  ${model.name}\n`);
      }
      return 0;
    } finally {
      await opened.close();
    }
  },
};
