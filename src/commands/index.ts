/** The commands as `--help` tells them. What they do is loaded when they run, so that help does not wait for it. */

import type { Effort } from '../core/conversation.js';
import { withLoginOptions, withUpstreamOptions, type Command } from './command.js';
import { serve } from './serve.js';

const login: Command = {
  name: 'login',
  define: (command) =>
    withLoginOptions(
      command
        .description('Log in to Kiro, or take over a login of this machine')
        .option('--from <source>', 'kiro-cli, amazon-q, ide, file, env, api-key or device')
        .option('--db <path>', "database to take the login from (default: the program's own)")
        .option('--file <path>', 'JSON file to take the login from')
        .option('--start-url <url>', 'where to sign in: https://view.awsapps.com/start for a Builder ID')
        .option('--region <region>', 'region of the login, or of the API key')
        .option('--profile-arn <arn>', 'Kiro profile to use, when the account has several')
        .option('--store <store>', 'keychain, file or auto: the keychain where there is one', 'auto')
        .option('--yes', 'agree to the use of an unofficial client without being asked'),
    ).addHelpText(
      'after',
      `
Examples:
  kiro-gateway login                                    asks for everything
  kiro-gateway login --from kiro-cli --yes              takes over the login of kiro-cli
  kiro-gateway login --from device --start-url https://view.awsapps.com/start --yes
  kiro-gateway login --from api-key --yes < key.txt     or with the key in KIRO_API_KEY
  kiro-gateway login --profile work                     a second login, used with --profile work
`,
    ),
  run: async (...call) => (await import('./login.js')).login(...call),
};

const run: Command = {
  name: 'run',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('Start a client with a gateway of its own, or show how it uses `serve`')
        .argument(
          '<client>',
          'claude, codex, opencode, qwen, aider; with --print also cline, continue, zed, vscode, cursor',
        )
        .argument('[args...]', 'for the client, after --')
        .option('-m, --model <model>', 'the main model (default: the newest Claude Sonnet of the account)')
        .addOption(
          command.createOption('--print', 'show the variables or settings for `serve`').conflicts(['save', 'undo']),
        )
        .addOption(
          command
            .createOption('--save', 'write them to the settings of codex or opencode')
            .conflicts(['print', 'undo']),
        )
        .addOption(command.createOption('--undo', 'take them back out of there').conflicts(['print', 'save']))
        .option('-y, --yes', 'save without asking'),
    ).addHelpText(
      'after',
      `
The client gets a free port and a key for this run only; what the gateway logs meanwhile is in run.log of the state
folder. Exit codes are those of the client, 128 and the number of the signal that ended it.

Examples:
  kiro-gateway run claude
  kiro-gateway run claude --demo -- -p "Say the word"   tries it without an account
  kiro-gateway run codex -m claude-opus-4.5 -- exec "Explain this repository"
  eval "$(kiro-gateway run claude --print)"             the variables, for a running serve
  kiro-gateway run opencode --save                      shows the change, asks, keeps a backup
  kiro-gateway run opencode --undo
`,
    ),
  run: async (...call) => (await import('./run.js')).run(...call),
};

/** In the order of how much they are. */
const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const satisfies readonly Effort[];

const chat: Command = {
  name: 'chat',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('Answer one prompt')
        .argument('[prompt...]', 'what to ask; what is piped in is added to it')
        .option('-m, --model <model>', 'which model answers', 'auto')
        .option('-s, --system <text>', 'instructions that stand before the prompt')
        .option('-f, --file <path>', 'text, image or document to send along; repeatable', (path, paths?: string[]) => [
          ...(paths ?? []),
          path,
        ])
        .addOption(command.createOption('--effort <effort>', 'how much the model reasons').choices(EFFORTS))
        .option('--thinking', 'ask for the reasoning and show it on stderr')
        .option('--json', 'one JSON object at the end: text, reasoning, model, usage, credits, finishReason'),
    ).addHelpText(
      'after',
      `
Examples:
  kiro-gateway chat "Why is the sky blue?"
  git diff | kiro-gateway chat "Review this" -m claude-sonnet-4.5
  kiro-gateway chat "What is on this picture?" -f picture.png
  kiro-gateway chat "2+2?" --json | jq -r .text
`,
    ),
  run: async (...call) => (await import('./chat.js')).chat(...call),
};

const models: Command = {
  name: 'models',
  define: (command) =>
    withUpstreamOptions(
      command.description('List the models that this account may use').option('--json', 'a JSON list, for scripts'),
    ).addHelpText(
      'after',
      `
Examples:
  kiro-gateway models
  kiro-gateway models --json | jq -r '.[].id'
`,
    ),
  run: async (...call) => (await import('./account.js')).models(...call),
};

const usage: Command = {
  name: 'usage',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('Show the credits of the plan and where they went')
        .option('--json', 'a JSON object, for scripts'),
    ).addHelpText(
      'after',
      `
Examples:
  kiro-gateway usage
  kiro-gateway usage --json | jq .credits.left
`,
    ),
  run: async (...call) => (await import('./account.js')).usage(...call),
};

const status: Command = {
  name: 'status',
  define: (command) =>
    withLoginOptions(
      command
        .description('Say which Kiro login is used, where it rests and how long it lasts')
        .option('--json', 'as JSON')
        .option('--show-key', 'also show the gateway key that clients must present'),
    ).addHelpText(
      'after',
      `
Examples:
  kiro-gateway status
  kiro-gateway status --profile work
  kiro-gateway status --json | jq -r .login.expiresAt
  KEY=$(kiro-gateway status --json --show-key | jq -r .gatewayKey.key)
`,
    ),
  run: async (...call) => (await import('./status.js')).status(...call),
};

const doctor: Command = {
  name: 'doctor',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('Find out what is wrong, and what to do about it')
        .argument('[request-id]', 'explain this turn, which DEBUG_MODE has kept')
        .option('--json', 'a JSON object, for scripts')
        .option('--live', 'also use the login: list the models, which costs no credits')
        .addOption(
          command
            .createOption('--report', 'write a file without texts and secrets, to be pasted into an issue')
            .conflicts('json'),
        )
        .option('--port <port>', 'look at this port, as `serve` would')
        .option('--host <host>', 'look at this address, as `serve` would'),
    ).addHelpText(
      'after',
      `
Exit codes: 0 nothing is broken, 1 something is, 4 only the login is missing or over. With a request id or --report
0 as soon as there is something to read.

Examples:
  kiro-gateway doctor
  kiro-gateway doctor --live
  kiro-gateway doctor --json | jq '.checks[] | select(.state == "bad")'
  DEBUG_MODE=all kiro-gateway serve                     then, with an id that an answer carries:
  kiro-gateway doctor req_0123456789abcdef01234567
  kiro-gateway doctor --report
`,
    ),
  run: async (...call) => (await import('./doctor.js')).doctor(...call),
};

const logout: Command = {
  name: 'logout',
  define: (command) =>
    withLoginOptions(command.description('Remove a stored login from this machine')).addHelpText(
      'after',
      `
Examples:
  kiro-gateway logout
  kiro-gateway logout --profile work                    the login that was stored under this name
`,
    ),
  run: async (...call) => (await import('./login-desk.js')).logout(...call),
};

export const commands: readonly Command[] = [login, serve, run, chat, models, usage, status, doctor, logout];
