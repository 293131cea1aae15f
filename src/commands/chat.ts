/** `chat`: one answer, streamed to stdout. */

import type { Context } from '../context.js';
import { GatewayError } from '../core/errors.js';
import { openGateway } from '../open-gateway.js';
import { withUpstreamOptions, type Command } from './command.js';

export const chat: Command = {
  name: 'chat',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('Answer one prompt')
        .argument('<prompt...>', 'what to ask')
        .option('-m, --model <model>', 'which model answers', 'auto'),
    ),
  async run(args, options, context) {
    const opened = await openGateway(context, options);
    const signal = context.stopSignal();
    try {
      const { turn } = await opened.gateway.converse(
        {
          model: String(options['model']),
          system: [],
          messages: [{ role: 'user', parts: [{ type: 'text', text: args.join(' ') }] }],
          tools: [],
          reasoning: {},
        },
        signal,
      );
      for await (const batch of turn) {
        let text = '';
        for (const event of batch) {
          if (event.type === 'block-delta' && event.block === 'text') text += event.delta;
          if (event.type === 'finish') text += '\n';
          if (event.type === 'error') throw await brokenOff(event.error, signal, context);
        }
        if (text !== '' && !(await context.terminal.result(text))) return 0;
      }
      return 0;
    } finally {
      await opened.close();
    }
  },
};

/** What was said stays; the error begins on a line of its own. */
async function brokenOff(error: GatewayError, signal: AbortSignal, { terminal }: Context): Promise<GatewayError> {
  await terminal.result('\n');
  return signal.aborted ? new GatewayError('cancelled', 'Stopped.') : error;
}
