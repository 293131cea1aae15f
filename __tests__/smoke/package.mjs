/** The tarball as a stranger meets it: its list, its installation, and its work on each Node that is supported. */

import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { ask, check, emptyHome, folder, KEY, leaveOut, listing, ROOT, run, say, serving, STRANGER } from './tools.mjs';

/** The oldest that is supported, and the ones after it. */
const NODES = ['20.19', '22', '24'];
const MOST_PACKED_BYTES = 1_000_000;
const MOST_INSTALLED_BYTES = 60_000_000;
const ANSWER = '2+2 = 4.';

export async function smokePackage() {
  const tarball = await pack();
  if (tarball === undefined) return;
  const prefix = folder('prefix');
  const installed = await run('npm', [
    'install',
    '--global',
    '--prefix',
    prefix,
    '--ignore-scripts',
    ...QUIET,
    tarball,
  ]);
  check('npm install --global of the tarball with --ignore-scripts', installed.code === 0, installed.stderr);
  if (installed.code !== 0) return;
  const { bytes } = listing(prefix);
  say(`installed ${(bytes / 1e6).toFixed(1)} MB`);
  check('the installation is at most 60 MB', bytes <= MOST_INSTALLED_BYTES, String(bytes));
  changeModes(prefix, (mode) => mode & 0o555);
  const before = listing(prefix).text;
  for (const version of NODES) await smokeNode(version, join(prefix, 'bin', 'kiro-gateway'));
  check('nothing was written into the read-only installation', listing(prefix).text === before);
  changeModes(prefix, (mode) => mode | 0o200);
  await smokeNpx(tarball);
}

async function pack() {
  const target = folder('packed');
  // The built files of this checkout; `npm pack` itself builds them anew.
  const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', target], { cwd: ROOT });
  if (packed.code !== 0) {
    check('npm pack', false, packed.stderr);
    return undefined;
  }
  const answer = JSON.parse(packed.stdout);
  const [{ filename, size, files }] = Array.isArray(answer) ? answer : Object.values(answer);
  say(`packed ${(size / 1e3).toFixed(0)} kB, ${files.length} files`);
  check('the tarball is at most 1 MB', size <= MOST_PACKED_BYTES, String(size));
  const built = files.map(({ path }) => path).filter((path) => path.startsWith('dist/'));
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true }).filter((path) => path.endsWith('.ts'));
  const expected = sources.map((path) => join('dist', path.replace(/\.ts$/, '.js')));
  const odd = difference(built, expected);
  check('dist holds one file for each source, and no other', odd.length === 0, odd.join(', '));
  return join(target, basename(filename));
}

async function smokeNode(wanted, bin) {
  const node = await findNode(wanted);
  if (node === undefined) return;
  const home = emptyHome(`home-${wanted}`);
  const env = { PATH: process.env.PATH, HOME: home, PROXY_API_KEY: KEY };
  const options = { cwd: home, env, ...(await strangerFor(node)) };
  const startedAt = performance.now();
  const { stdout } = await run(node, [bin, '--version'], options);
  const milliseconds = Math.round(performance.now() - startedAt);
  const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
  check(`Node ${wanted}: --version`, stdout.trim() === own, stdout);
  const chat = await run(node, [bin, 'chat', '--demo', '2+2?'], options);
  check(`Node ${wanted}: chat --demo`, chat.code === 0 && chat.stdout.startsWith(ANSWER), chat.stdout + chat.stderr);
  const served = await serving(node, [bin, 'serve', '--demo', '--port', '0'], options, async (url) => {
    const curl = await run('curl', ['-sf', `${url}/health`]);
    return { health: curl.code === 127 ? 'no curl' : curl.stdout, answer: await ask(url, KEY) };
  }).catch((error) => ({ health: '', answer: String(error) }));
  check(`Node ${wanted}: serve --demo answers`, served.answer.startsWith(ANSWER), served.answer);
  check(`Node ${wanted}: curl /health`, /"status":"ok"|no curl/.test(served.health), served.health);
  say(`Node ${wanted}: ${(await run(node, ['--version'])).stdout.trim()}, --version took ${milliseconds} ms`);
}

/** The running Node where it is that one, else the one of the npm package `node`. Undefined when there is none here. */
async function findNode(wanted) {
  if (process.versions.node.startsWith(`${wanted}.`)) return process.execPath;
  const place = folder(`node-${wanted}`);
  const got = await run('npm', ['install', '--prefix', place, '--no-save', ...QUIET, `node@${wanted}`]);
  const node = join(place, 'node_modules', 'node', 'bin', 'node');
  const answer = got.code === 0 ? await run(node, ['--version']) : got;
  if (answer.code === 0 && answer.stdout.startsWith(`v${wanted}.`)) return node;
  leaveOut(`Node ${wanted}`, `npm brought no node@${wanted}: ${answer.stderr.trim().split('\n').at(-1) ?? ''}`);
  return undefined;
}

/** A Node in root's own home is out of nobody's reach; then root runs it, and the listing shows what it has written. */
async function strangerFor(node) {
  const { code } = await run(node, ['--version'], { cwd: '/', ...STRANGER });
  return code === 0 ? STRANGER : {};
}

async function smokeNpx(tarball) {
  const home = folder('npx');
  const env = { ...process.env, KIRO_GATEWAY_HOME: home, PROXY_API_KEY: KEY };
  // As one types it: npx takes a path for a package only when it begins with a dot.
  const args = ['--yes', `./${basename(tarball)}`, 'serve', '--demo', '--port', '0'];
  const answer = await serving('npx', args, { cwd: dirname(tarball), env }, (url) => ask(url, KEY)).catch(String);
  check('npx --yes ./kiro-gateway-*.tgz serve', answer.startsWith(ANSWER), answer);
}

function changeModes(path, change) {
  chmodSync(path, change(statSync(path).mode));
  for (const name of readdirSync(path, { recursive: true })) {
    const target = join(path, name);
    chmodSync(target, change(statSync(target).mode));
  }
}

function difference(some, others) {
  return [...some.filter((it) => !others.includes(it)), ...others.filter((it) => !some.includes(it))];
}

const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];
