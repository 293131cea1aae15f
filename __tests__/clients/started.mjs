/** The clients that `kiro-gateway run` starts, as far as they are installed: one question each; `run.mjs` starts it. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const GATEWAY = join(import.meta.dirname, '..', '..', 'bin', 'kiro-gateway.js');
const LIMIT_MS = 90_000;

// What the scenario `clients` of the simulator says to everything that asks for no tool.
const SAID = 'STUB-FINAL-7391';
const QUESTION = 'Say the word';

const CLIENTS = {
  claude: ['-p', QUESTION],
  codex: ['exec', '--skip-git-repo-check', QUESTION],
  opencode: ['run', QUESTION],
  qwen: ['-p', QUESTION],
  aider: ['--no-git', '--yes-always', '--no-check-update', '--analytics-disable', '--message', QUESTION],
};

let [passed, failed] = [0, 0];
for (const [client, args] of Object.entries(CLIENTS)) {
  if (!`run ${client}`.includes((process.argv[2] ?? '').toLowerCase())) continue;
  if (!isInstalled(client)) {
    say(`NONE run ${client}: it is not on the PATH`);
    continue;
  }
  const { status, stdout } = spawnSync(process.execPath, [GATEWAY, 'run', client, '--demo=clients', '--', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const isRight = status === 0 && stdout.includes(SAID);
  if (isRight) passed += 1;
  else failed += 1;
  say(isRight ? `PASS run ${client}` : `FAIL run ${client} (${status}) ${stdout.slice(-300)}`);
}
say(`${passed} passed, ${failed} failed of those that \`run\` starts`);
process.exitCode = failed > 0 ? 1 : 0;

function isInstalled(client) {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, client)));
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
