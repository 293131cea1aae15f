/** The commands as `--help` tells them. What they do is loaded when they run, so that help does not wait for it. */

import type { Command as CommanderCommand } from 'commander';

import { EFFORTS } from '../core/conversation.js';
import type { Run } from './command.js';

export type Command = {
  readonly name: string;
  /** Adds arguments, options and examples. */
  readonly define: (command: CommanderCommand) => CommanderCommand;
  readonly run: Run;
};

type Row = Pick<Command, 'name' | 'define'> & {
  readonly about: string;
  readonly note?: string;
  readonly examples: string;
  readonly load: () => Promise<Run>;
};

function toCommand({ name, about, define, note = '', examples, load }: Row): Command {
  return {
    name,
    define: (command) =>
      define(command.description(about))
        .option('--demo [=scenario]', 'talk to the built-in simulator: no account, no network')
        .option('--profile <name>', 'name of the login, where several are kept')
        .option('--env-file <path>', 'read settings from this file')
        .addHelpText('after', `${note}\nExamples:${examples}`),
    run: async (args, options, context) => {
      const { checkOptions } = await import('./command.js');
      checkOptions(options);
      return (await load())(args, options, context);
    },
  };
}

const ROWS: readonly Row[] = [
  {
    name: 'login',
    about: 'Log in to Kiro, or take over a login of this machine',
    define: (command) =>
      command
        .option('--from <source>', 'kiro-cli, amazon-q, ide, file, env, api-key or device')
        .option('--db <path>', "database to take the login from (default: the program's own)")
        .option('--file <path>', 'JSON file to take the login from')
        .option('--start-url <url>', 'where to sign in: https://view.awsapps.com/start for a Builder ID')
        .option('--region <region>', 'region of the login, or of the API key')
        .option('--profile-arn <arn>', 'Kiro profile to use, when the account has several')
        .option('--store <store>', 'keychain, file or auto: the keychain where there is one', 'auto')
        .option('--yes', 'agree to use an unofficial client without being asked'),
    examples: `
  kiro-gateway login                                    asks for everything
  kiro-gateway login --from kiro-cli --yes              takes over the login of kiro-cli
  kiro-gateway login --from device --start-url https://view.awsapps.com/start --yes
  kiro-gateway login --from api-key --yes < key.txt     or with the key in KIRO_API_KEY
  kiro-gateway login --profile work                     a second login, used with --profile work
`,
    load: async () => (await import('./login.js')).login,
  },
  {
    name: 'serve',
    about: 'Serve OpenAI and Anthropic clients until stopped',
    define: (command) =>
      command
        .option('--port <port>', 'port to listen on; 0 takes any free one (default: 8000)')
        .option('--host <host>', 'address to listen on (default: 127.0.0.1)')
        .option('--allowed-host <names>', 'host names under which clients may call, besides loopback'),
    examples: `
  kiro-gateway serve
  kiro-gateway serve --demo --port 0                    tries it without an account
  kiro-gateway serve --profile work --port 8001
  LOG_FORMAT=json kiro-gateway serve 2> gateway.log     one object per line
  PROXY_API_KEY=… kiro-gateway serve --host 0.0.0.0 --allowed-host my.box
`,
    load: async () => (await import('./serve.js')).serve,
  },
  {
    name: 'run',
    about: 'Start a client with a gateway of its own, or show how it uses `serve`',
    define: (command) => {
      const mode = (flag: string, about: string, ...others: string[]) =>
        command.createOption(flag, about).conflicts(others);
      return command
        .argument(
          '<client>',
          'claude, codex, opencode, qwen, aider; with --print also cline, continue, zed, vscode, cursor',
        )
        .argument('[args...]', 'for the client, after --')
        .option('-m, --model <model>', 'the main model (default: the newest Claude Sonnet of the account)')
        .addOption(mode('--print', 'show the variables or settings for `serve`', 'save', 'undo'))
        .addOption(mode('--save', 'write them to the settings of codex or opencode', 'print', 'undo'))
        .addOption(mode('--undo', 'remove them from there', 'print', 'save'))
        .option('-y, --yes', 'save without asking');
    },
    note: `
The client gets a free port and a key for this run only; what the gateway logs meanwhile is in run.log of the state
folder. The exit code is the client's; 128 plus the number of the signal, if one ended it.
`,
    examples: `
  kiro-gateway run claude
  kiro-gateway run claude --demo -- -p "Say the word"   tries it without an account
  kiro-gateway run codex -m claude-opus-4.5 -- exec "Explain this repository"
  eval "$(kiro-gateway run claude --print)"             the variables, for a running serve
  kiro-gateway run opencode --save                      shows the change, asks, keeps a backup
  kiro-gateway run opencode --undo
`,
    load: async () => (await import('./run.js')).run,
  },
  {
    name: 'chat',
    about: 'Answer one prompt',
    define: (command) =>
      command
        .argument('[prompt...]', 'what to ask; what is piped in is added to it')
        .option('-m, --model <model>', 'which model answers', 'auto')
        .option('-s, --system <text>', 'instructions to put before the prompt')
        .option('-f, --file <path>', 'text, image or document to send along; repeatable', (path, paths?: string[]) => [
          ...(paths ?? []),
          path,
        ])
        .addOption(command.createOption('--effort <effort>', 'how much the model reasons').choices(EFFORTS))
        .option('--thinking', 'ask for the reasoning and show it on stderr')
        .option('--json', 'one JSON object at the end: text, reasoning, model, usage, credits, finishReason'),
    examples: `
  kiro-gateway chat "Why is the sky blue?"
  git diff | kiro-gateway chat "Review this" -m claude-sonnet-4.5
  kiro-gateway chat "What is in this picture?" -f picture.png
  kiro-gateway chat "2+2?" --json | jq -r .text
`,
    load: async () => (await import('./chat.js')).chat,
  },
  {
    name: 'models',
    about: 'List the models that this account may use',
    define: (command) => command.option('--json', 'a JSON list, for scripts'),
    examples: `
  kiro-gateway models
  kiro-gateway models --json | jq -r '.[].id'
`,
    load: async () => (await import('./account.js')).models,
  },
  {
    name: 'usage',
    about: 'Show the credits of the plan and where they went',
    define: (command) => command.option('--json', 'a JSON object, for scripts'),
    examples: `
  kiro-gateway usage
  kiro-gateway usage --json | jq .credits.left
`,
    load: async () => (await import('./account.js')).usage,
  },
  {
    name: 'status',
    about: 'Say which Kiro login is used, where it is kept and how long it lasts',
    define: (command) =>
      command.option('--json', 'as JSON').option('--show-key', 'also show the gateway key that clients must present'),
    examples: `
  kiro-gateway status
  kiro-gateway status --profile work
  kiro-gateway status --json | jq -r .login.expiresAt
  KEY=$(kiro-gateway status --json --show-key | jq -r .gatewayKey.key)
`,
    load: async () => (await import('./status.js')).status,
  },
  {
    name: 'doctor',
    about: 'Find out what is wrong, and what to do about it',
    define: (command) =>
      command
        .argument('[request-id]', 'explain this turn, kept by DEBUG_MODE')
        .option('--json', 'a JSON object, for scripts')
        .option('--live', 'also use the login: list the models, which costs no credits')
        .addOption(
          command
            .createOption('--report', 'write a file without texts or secrets, to paste into an issue')
            .conflicts('json'),
        )
        .option('--port <port>', 'look at this port, as `serve` would')
        .option('--host <host>', 'look at this address, as `serve` would'),
    note: `
Exit codes: 0 nothing is broken, 1 something is, 4 only the login is missing or expired. With a request id or --report
0 once there is something to read.
`,
    examples: `
  kiro-gateway doctor
  kiro-gateway doctor --live
  kiro-gateway doctor --json | jq '.checks[] | select(.state == "bad")'
  DEBUG_MODE=all kiro-gateway serve                     then, with an id that an answer carries:
  kiro-gateway doctor req_0123456789abcdef01234567
  kiro-gateway doctor --report
`,
    load: async () => (await import('./doctor.js')).doctor,
  },
  {
    name: 'logout',
    about: 'Remove a stored login from this machine',
    define: (command) => command,
    examples: `
  kiro-gateway logout
  kiro-gateway logout --profile work                    the login that was stored under this name
`,
    load: async () => (await import('./login-desk.js')).logout,
  },
];

export const commands: readonly Command[] = ROWS.map(toCommand);
