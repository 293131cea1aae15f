/**
 * The steps of the Dockerfile, one by one, in a clean folder: no Docker engine is needed. Every stage has a root of its
 * own; what COPY names is copied, what RUN says is run there, and the last stage's command is started with its own
 * environment. Not tried is the base image: the Node that runs this stands in for it.
 */

import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ask, check, folder, KEY, listing, ROOT, run, say, serving } from './tools.mjs';

export async function smokeDockerfile() {
  const context = folder('context');
  copyContext(context);
  const stages = [];
  let last;
  for (const [word, rest] of readSteps(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'))) {
    if (word === 'FROM') {
      const [, name = String(stages.length)] = / AS (\S+)$/i.exec(rest) ?? [];
      last = { name, root: folder(`stage-${name}`), workdir: '/', env: {}, facts: {} };
      stages.push(last);
    } else if (word === 'WORKDIR') {
      last.workdir = rest;
      mkdirSync(join(last.root, rest), { recursive: true });
    } else if (word === 'ENV') {
      for (const [, name, value] of rest.matchAll(/(\w+)=(\S+)/g)) last.env[name] = value;
    } else if (word === 'COPY') copy(rest, last, stages, context);
    else if (word === 'RUN') await step(rest, last);
    else last.facts[word] = rest;
  }
  await start(last);
}

/** One step a line: comments are gone, and lines that end in a backslash go on. */
export function readSteps(text) {
  return text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => [/^\S+/.exec(line)[0], line.replace(/^\S+\s+/, '')]);
}

/** What .dockerignore lets in: its lines that begin with an exclamation mark. */
function copyContext(target) {
  const lines = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
  for (const name of lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1))) {
    cpSync(join(ROOT, name), join(target, name), { recursive: true });
  }
}

function copy(rest, stage, stages, context) {
  const [, from, paths] = /^(?:--from=(\S+) )?(.*)$/.exec(rest);
  const source = from === undefined ? context : stages.find(({ name }) => name === from).root;
  const names = paths.split(/\s+/);
  const target = names.pop();
  const into = target.startsWith('/') ? join(stage.root, target) : join(stage.root, stage.workdir, target);
  const missing = names.filter((name) => !existsSync(join(source, name)));
  check(`COPY ${rest}`, missing.length === 0, `nothing at ${missing.join(', ')}`);
  for (const name of names.filter((name) => !missing.includes(name))) {
    // As Docker does it: a folder's content, or a file into a folder that ends in a slash.
    const place = target.endsWith('/') ? join(into, name) : into;
    mkdirSync(dirname(place), { recursive: true });
    cpSync(join(source, name), place, { recursive: true });
  }
}

/** Absolute paths of the image become those of the stage's folder; its users are not on this machine. */
async function step(rest, stage) {
  const command = rest
    .replaceAll(/--mount=\S+ /g, '')
    .replaceAll(/(?<= )\/(?=\w)/g, `${stage.root}/`)
    .replaceAll(/ && chown \S+ \S+/g, '');
  const { code, stderr } = await run('sh', ['-c', command], { cwd: join(stage.root, stage.workdir) });
  check(`RUN ${rest}`, code === 0, stderr);
}

async function start({ root, workdir, env, facts }) {
  const { bytes } = listing(join(root, workdir));
  say(`${workdir} of the image holds ${(bytes / 1e6).toFixed(1)} MB beside Node`);
  check('a USER that is not root', !/^(?:root|0)?$/.test(facts.USER ?? ''), facts.USER);
  const here = (text) => (text.startsWith('/') ? join(root, text) : text);
  const [program, ...args] = [...JSON.parse(facts.ENTRYPOINT), ...JSON.parse(facts.CMD)].map(here);
  const surroundings = {
    cwd: join(root, workdir),
    env: { PATH: process.env.PATH, HOME: folder('home-of-image'), ...env, SERVER_PORT: '0', PROXY_API_KEY: KEY },
  };
  surroundings.env.KIRO_GATEWAY_HOME = here(env.KIRO_GATEWAY_HOME);
  const before = listing(join(root, workdir)).text;
  const [answer, health] = await serving(program, [...args, '--demo'], surroundings, async (url) => {
    const port = url.split(':').at(-1);
    const [, ...probe] = JSON.parse(/CMD (\[.*\])/.exec(facts.HEALTHCHECK)[1]);
    const probed = await run(process.execPath, probe, { env: { ...surroundings.env, SERVER_PORT: port } });
    const closed = await run(process.execPath, probe, { env: { ...surroundings.env, SERVER_PORT: '1' } });
    return [await ask(`http://127.0.0.1:${port}`, KEY), [probed.code, closed.code]];
  }).catch((error) => [String(error), []]);
  check('the command of the image answers', answer.startsWith('2+2 = 4.'), answer);
  check('HEALTHCHECK says 0 for a gateway and 1 for none', health.join() === '0,1', health.join());
  check('nothing was written beside the state', listing(join(root, workdir)).text === before);
}
