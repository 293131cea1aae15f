/**
 * The clients that `kiro-gateway run` starts, one question each and one that needs a tool; `run.mjs` starts it. Claude
 * Code, Codex and opencode are installed in the system's temporary folder when they are not on the PATH (1.1 GB in all,
 * kept for the next time; `CLIENTS_INSTALL=no` passes them over); Qwen Code and aider have to be there.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const GATEWAY = join(import.meta.dirname, '..', '..', 'bin', 'kiro-gateway.js');
const INSTALLS = join(tmpdir(), 'kiro-gateway-clients-programs');
const LIMIT_MS = 120_000;

// What the scenario `clients` of the simulator says to everything that asks for no tool, and after it has called one.
const PLAIN = { name: 'answers', question: 'Say the word', said: 'STUB-FINAL-7391' };
const TOOL = { name: 'uses a tool', question: 'TOOLTEST run echo', said: 'TOOL-OK hi-42' };

/** `npm` is pinned; `args` makes the arguments for a question, `free` those that let it run a tool without asking. */
const CLIENTS = {
  claude: {
    npm: '@anthropic-ai/claude-code@2.1.330',
    args: (question) => ['-p', question],
    free: ['--dangerously-skip-permissions'],
  },
  codex: {
    npm: '@openai/codex@0.169.0',
    args: (question) => ['exec', '--skip-git-repo-check', question],
    free: ['--dangerously-bypass-approvals-and-sandbox'],
  },
  opencode: { npm: 'opencode-ai@1.18.33', args: (question) => ['run', question], free: [] },
  qwen: { args: (question) => ['-p', question] },
  aider: {
    args: (question) => ['--no-git', '--yes-always', '--no-check-update', '--analytics-disable', '--message', question],
  },
};

let [passed, failed] = [0, 0];
for (const [client, { npm, args, free }] of Object.entries(CLIENTS)) {
  if (!`run ${client}`.includes((process.argv[2] ?? '').toLowerCase())) continue;
  const path = findPath(client, npm);
  if (path === undefined) {
    say(`NONE run ${client}: it is not on the PATH`);
    continue;
  }
  for (const { name, question, said } of free === undefined ? [PLAIN] : [PLAIN, TOOL]) {
    const given = [...args(question), ...(question === TOOL.question ? free : [])];
    const { status, stdout } = spawnSync(process.execPath, [GATEWAY, 'run', client, '--demo=clients', '--', ...given], {
      encoding: 'utf8',
      env: { ...process.env, PATH: path, IS_SANDBOX: '1' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    const isRight = status === 0 && stdout.includes(said);
    if (isRight) passed += 1;
    else failed += 1;
    say(`${isRight ? 'PASS' : 'FAIL'} run ${client}: ${name}${isRight ? '' : ` (${status}) ${stdout.slice(-300)}`}`);
  }
}
say(`${passed} passed, ${failed} failed of those that \`run\` starts`);
process.exitCode = failed > 0 ? 1 : 0;

/** A PATH on which the client is found; undefined when there is none. */
function findPath(client, npm) {
  const path = process.env['PATH'] ?? '';
  if (path.split(delimiter).some((folder) => existsSync(join(folder, client)))) return path;
  if (npm === undefined || process.env['CLIENTS_INSTALL'] === 'no') return undefined;
  const folder = join(INSTALLS, client);
  const bin = join(folder, 'node_modules', '.bin');
  if (!existsSync(join(bin, client))) {
    say(`Installing ${npm} in ${folder}.`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    const options = ['install', '--no-audit', '--no-fund', '--loglevel=error', npm];
    const { status } = spawnSync('npm', options, {
      cwd: folder,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
    if (status !== 0) return undefined;
  }
  return `${bin}${delimiter}${path}`;
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
