/** The README's own examples for the official Python packages, against `serve --demo`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { check, folder, KEY, leaveOut, ROOT, run, say, serving } from './tools.mjs';

const PACKAGES = ['openai', 'anthropic'];

export async function smokePython() {
  const blocks = readBlocks(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  check(
    'the README has an example for each package',
    PACKAGES.every((name) => blocks.some((it) => imports(it, name))),
  );
  const python = await findPython();
  if (python === undefined) return;
  const home = folder('python-home');
  const env = { PATH: process.env.PATH, HOME: home, KIRO_GATEWAY_HOME: home, PROXY_API_KEY: KEY };
  const gateway = [join(ROOT, 'bin', 'kiro-gateway.js'), 'serve', '--demo', '--port', '0'];
  await serving(process.execPath, gateway, { cwd: home, env }, async (url) => {
    for (const [index, block] of blocks.entries()) {
      const file = join(home, `example-${index}.py`);
      writeFileSync(file, block);
      const { code, stdout, stderr } = await run(python, [file], { cwd: home, env: { ...env, ...clientEnv(url) } });
      const name = PACKAGES.find((it) => imports(block, it)) ?? 'neither package';
      const wanted = expectedLines(block);
      const isRight = code === 0 && wanted.length > 0 && wanted.every((line) => stdout.includes(line));
      check(`README, Python ${name}: ${wanted.length} lines as printed there`, isRight, stdout + stderr);
    }
  });
}

function readBlocks(text) {
  return [...text.matchAll(/^```python\n([\s\S]*?)^```$/gm)].map(([, block]) => block);
}

function imports(block, name) {
  return new RegExp(`^from ${name} import`, 'm').test(block);
}

/** `print(…)  # what it prints` */
function expectedLines(block) {
  return [...block.matchAll(/ {2}# (.+)$/gm)].map(([, line]) => line.replace(/…$/, ''));
}

function clientEnv(url) {
  return {
    OPENAI_BASE_URL: `${url}/v1`,
    OPENAI_API_KEY: KEY,
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: KEY,
  };
}

/** One that has both packages: the machine's own, else a new one that pip fills. Undefined when there is none here. */
async function findPython() {
  const has = ['-c', `import ${PACKAGES.join(', ')}`];
  if ((await run('python3', has)).code === 0) return 'python3';
  const place = join(folder('venv'), 'own');
  const made = await run('python3', ['-m', 'venv', place]);
  const python = join(place, 'bin', 'python3');
  const got = made.code === 0 ? await run(python, ['-m', 'pip', 'install', '--quiet', ...PACKAGES]) : made;
  const answer = got.code === 0 ? await run(python, has) : got;
  if (answer.code === 0) {
    const versions = await run(python, ['-m', 'pip', 'list', '--format=freeze']);
    say(versions.stdout.match(/^(?:openai|anthropic)==.*$/gm)?.join(', ') ?? '');
    return python;
  }
  leaveOut(
    'the Python examples',
    `pip brought no ${PACKAGES.join(' and ')}: ${answer.stderr.trim().split('\n').at(-1)}`,
  );
  return undefined;
}
