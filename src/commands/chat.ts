/** `chat`: one answer, streamed to stdout. */

import type { Conversation, Effort } from '../core/conversation.js';
import { GatewayError } from '../core/errors.js';
import { withUpstreamOptions, type Command, type CommandOptions } from './command.js';
import { openGatewayOrLogIn } from './with-login.js';

export const chat: Command = {
  name: 'chat',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('Answer one prompt')
        .argument('[prompt...]', 'what to ask; what is piped in is added to it')
        .option('-m, --model <model>', 'which model answers', 'auto')
        .option('-s, --system <text>', 'instructions that stand before the prompt')
        .option('-f, --file <path>', 'text, image or document to send along; repeatable', addPath)
        .addOption(command.createOption('--effort <effort>', 'how much the model reasons').choices(EFFORTS))
        .option('--thinking', 'ask for the reasoning and show it on stderr')
        .option('--json', 'one JSON object at the end: text, reasoning, model, usage, credits, finishReason')
        .addHelpText('after', EXAMPLES),
    ),
  async run(words, options, context) {
    const [{ askForPrompt, readQuestion, toMessage }, { endNote, noticeNote, writeJson, writeWords }, { collect }] =
      await Promise.all([import('./chat-question.js'), import('./chat-answer.js'), import('../core/stream.js')]);
    const { terminal } = context;
    const { prompt, attachments } = await readQuestion(words, pathsOf(options), context);
    const opened = await openGatewayOrLogIn(context, options);
    const signal = context.stopSignal();
    try {
      const message = toMessage(prompt || (await askForPrompt(context)), attachments);
      const asked = { ...conversationOf(options), messages: [message] };
      const { turn, notices, modelId } = await opened.gateway.converse(asked, signal);
      for (const notice of notices) terminal.note(noticeNote(notice));
      const isJson = options['json'] === true;
      const showsReasoning = options['thinking'] === true;
      const completion = isJson ? await collect(turn) : await writeWords(turn, terminal, { showsReasoning });
      // Ctrl-C in a pipe ends the reader as well, and it may be the first to go.
      signal.throwIfAborted();
      if (completion === undefined) return 0;
      if (isJson) await terminal.result(writeJson(completion, modelId));
      const note = endNote(completion.finishReason);
      if (note !== undefined) terminal.note(note);
      return 0;
    } catch (thrown) {
      throw signal.aborted ? new GatewayError('cancelled', 'Stopped.', { cause: thrown }) : thrown;
    } finally {
      await opened.close();
    }
  },
};

function addPath(path: string, before: readonly string[] = []): readonly string[] {
  return [...before, path];
}

function pathsOf({ file }: CommandOptions): readonly string[] {
  return typeof file === 'object' ? file : [];
}

/** No tools are sent, so none is ever called. */
function conversationOf({ model, system, effort, thinking }: CommandOptions): Omit<Conversation, 'messages'> {
  return {
    model: String(model),
    system: typeof system === 'string' ? [system] : [],
    tools: [],
    reasoning: { mode: modeOf(effort, thinking), effort: EFFORTS.find((it) => it === effort) },
  };
}

function modeOf(effort: CommandOptions[string], thinking: CommandOptions[string]): 'on' | 'off' | undefined {
  if (thinking === true) return 'on';
  return effort === 'none' ? 'off' : undefined;
}

/** In the order of how much they are. */
const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const satisfies readonly Effort[];

const EXAMPLES = `
Examples:
  kiro-gateway chat "Why is the sky blue?"
  git diff | kiro-gateway chat "Review this" -m claude-sonnet-4.5
  kiro-gateway chat "What is on this picture?" -f picture.png
  kiro-gateway chat "2+2?" --json | jq -r .text
`;
