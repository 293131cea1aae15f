/**
 * The bench: `npm run bench [-- --quick] [--only CASE,CASE]`, and `npm run bench:profile -- --only CASE`. All targets take
 * turns in every round, so that what else the machine does meets them alike; figures are medians of the rounds.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { bodyOf, CASES, FIT_CASES, IDLE_CASES, PATHS, START_CASES } from './cases.mjs';
import { drawSvg, judge, median, printCase, printGoals, printProfile, rewriteMarkdown } from './report.mjs';
import { foreignTarget, KEY, OWN_TARGETS, startSurroundings, stopAll } from './targets.mjs';

const ROOT = join(import.meta.dirname, '..', '..');
const BIN = join(ROOT, 'bin', 'kiro-gateway.js');
const ALL_NAMES = [...CASES, ...IDLE_CASES, ...FIT_CASES, ...START_CASES].map(({ name }) => name);
const START_ROUNDS = 20;
const WARM_SECONDS = 2;
const PACED_ROUNDS_ARE_LONGER = 3;
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    target: { type: 'string', multiple: true, default: [] },
    'upstream-port': { type: 'string', default: '0' },
    json: { type: 'string' },
    svg: { type: 'string' },
    markdown: { type: 'string' },
    profile: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 3 : 5));
const seconds = Number(options.seconds ?? (options.quick ? 0.5 : 1));
const home = mkdtempSync(join(tmpdir(), 'kiro-gateway-bench-'));
const say = (text) => process.stdout.write(`${text}\n`);

try {
  if (options.profile) await profile();
  else await bench();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  await stopAll();
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}

async function bench() {
  const surroundings = await startSurroundings({ home, upstreamPort: options['upstream-port'] });
  const running = new Map([['direct', surroundings.upstream]]);
  for (const name of Object.keys(OWN_TARGETS)) running.set(name, await OWN_TARGETS[name](surroundings));
  for (const [name, target] of options.target.map(foreignTarget)) running.set(name, target);
  const cases = [];
  for (const [list, measure] of [
    [CASES, (it) => measureCase(it, running, surroundings)],
    [IDLE_CASES, (it) => measureIdle(it, surroundings)],
    [FIT_CASES, (it) => measureFit(it, running, surroundings)],
    [START_CASES, (it) => measureStart(it, surroundings)],
  ]) {
    for (const it of chosen(list)) {
      const result = judge(await measure(it), it);
      cases.push(result);
      say(printCase(result));
    }
  }
  const report = { ...describeRun(), cases };
  say(printGoals(cases));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (options.svg !== undefined) writeFileSync(options.svg, drawSvg(report));
  if (options.markdown !== undefined) await rewriteMarkdown(options.markdown, report);
}

function chosen(list) {
  const only = options.only?.split(',');
  const unknown = only?.find((name) => !ALL_NAMES.includes(name));
  if (unknown !== undefined) throw new Error(`There is no case ${unknown}; there are ${ALL_NAMES.join(', ')}.`);
  return list.filter(({ name, isQuick }) => only?.includes(name) ?? (!options.quick || isQuick));
}

/** One round of warming up, then all targets in turn, each time another one first. */
async function measureCase(it, running, { upstream, load }) {
  const job = jobFor(it);
  const names = [...running.keys()];
  // Paced streams are so few that code would still be cold after a round of them: they are warmed up without pauses.
  await upstream.ask('plan', { ...it, pauseMs: 0 });
  for (const name of names) await measureOnce(running.get(name), name, { ...job, seconds: WARM_SECONDS }, load);
  await upstream.ask('plan', it);
  const samples = [];
  for (let round = -1; round < rounds; round++) {
    const order = names.map((_, index) => names[(index + round + 1) % names.length]);
    const sample = {};
    for (const name of order) sample[name] = await measureOnce(running.get(name), name, job, load);
    if (round >= 0) samples.push(sample);
  }
  const targets = Object.fromEntries(names.map((name) => [name, summarize(samples, name)]));
  return { name: it.name, title: it.title, kind: 'streams', targets, parseMs: parseMs(job.body) };
}

async function measureOnce(target, name, job, load) {
  const path = name === 'direct' ? '/generateAssistantResponse' : job.path;
  const before = await target.ask('cost');
  const { streams, ...figures } = await load.ask('load', { ...job, url: target.url, path });
  const after = await target.ask('cost');
  return { ...figures, streams, cpuMs: (after.cpuMs - before.cpuMs) / streams, rssMb: after.rssMb };
}

/** What a target costs, what it adds to asking directly, and how that compares with the skeleton; medians all. */
function summarize(samples, name) {
  const over = (read) => median(samples.map((sample) => read(sample[name], sample)));
  const added = (figure) => over((own, { direct }) => own[figure] - direct[figure]);
  const ratio = (figure) => over((own, { skeleton }) => own[figure] / skeleton[figure]);
  return {
    streams: samples.reduce((sum, sample) => sum + sample[name].streams, 0),
    perSecond: over((own) => own.perSecond),
    cpuMs: over((own) => own.cpuMs),
    rssMb: over((own) => own.rssMb),
    cpu: ratio('cpuMs'),
    rate: ratio('perSecond'),
    ...Object.fromEntries(['firstP50', 'firstP99', 'delayP50', 'delayP99'].map((it) => [it, added(it)])),
  };
}

/** Fresh processes: what they hold before, while and after so many streams are open. */
async function measureIdle(it, surroundings) {
  const { upstream, load } = surroundings;
  const samples = {};
  for (let round = 0; round < rounds; round++) {
    for (const name of Object.keys(OWN_TARGETS)) {
      const target = await OWN_TARGETS[name](surroundings);
      const job = { ...jobFor(it), url: target.url };
      await upstream.ask('plan', { ...it, held: false });
      await load.ask('load', { ...job, clients: 20 });
      // Once beforehand: Node keeps the parsers of as many connections as there ever were.
      await holdOpen(target, job, it, surroundings);
      const before = await target.ask('memory');
      const during = await holdOpen(target, job, it, surroundings);
      const after = await target.ask('memory');
      (samples[name] ??= []).push({
        heldKb: ((during.heldMb - before.heldMb) * 1024) / it.clients,
        rssKb: ((during.rssMb - before.rssMb) * 1024) / it.clients,
        backTo: after.heldMb / before.heldMb,
      });
      await target.stop();
    }
  }
  const targets = Object.fromEntries(
    Object.entries(samples).map(([name, all]) => {
      const of = (figure) => median(all.map((sample) => sample[figure]));
      return [name, { heldKb: of('heldKb'), rssKb: of('rssKb'), backTo: of('backTo') }];
    }),
  );
  return { name: it.name, title: it.title, kind: 'idle', targets };
}

async function holdOpen(target, job, it, { upstream, load }) {
  await upstream.ask('plan', it);
  await load.ask('hold', job);
  const during = await target.ask('memory');
  await upstream.ask('release');
  await load.ask('endHeld');
  return during;
}

/** The slope of the cost, and its bend: the slope of the upper half in that of the lower. */
async function measureFit(it, running, surroundings) {
  const some = new Map([...running].filter(([name]) => ['direct', 'skeleton', 'gateway'].includes(name)));
  const costs = { skeleton: [], gateway: [] };
  for (const point of it.points) {
    const { targets } = await measureCase(point, some, surroundings);
    for (const name of Object.keys(costs)) costs[name].push(targets[name].cpuMs);
  }
  const sizes = it.sizes.map((size) => size / it.per);
  const targets = Object.fromEntries(
    Object.entries(costs).map(([name, cpuMs]) => {
      const slope = (from, to) => (cpuMs.at(to) - cpuMs.at(from)) / (sizes.at(to) - sizes.at(from));
      return [name, { cpuMs, slope: slope(0, -1), bend: slope(-2, -1) / slope(0, -2) }];
    }),
  );
  return { name: it.name, title: it.title, kind: 'fit', unit: it.unit, sizes, targets };
}

/** What a command costs over a script that does nothing, and what `serve` holds before anybody has asked. */
async function measureStart(it, surroundings) {
  const empty = join(home, 'empty.mjs');
  writeFileSync(empty, '');
  const commands = { empty: [empty], help: [BIN, '--help'], version: [BIN, '--version'] };
  const times = { empty: [], help: [], version: [] };
  for (let round = 0; round < START_ROUNDS; round++) {
    for (const [name, args] of Object.entries(commands)) {
      const began = performance.now();
      spawnSync(process.execPath, args, { cwd: home });
      times[name].push(performance.now() - began);
    }
  }
  const gateway = await OWN_TARGETS.gateway(surroundings);
  const { rssMb } = await gateway.ask('cost');
  await gateway.stop();
  const over = (name) => median(times[name]) - median(times.empty);
  const figures = { emptyMs: median(times.empty), helpMs: over('help'), versionMs: over('version'), rssMb };
  return { name: it.name, title: it.title, kind: 'start', targets: { gateway: figures } };
}

async function profile() {
  const [it] = chosen(CASES);
  if (options.only === undefined)
    throw new Error(`Name a case with --only: ${CASES.map(({ name }) => name).join(', ')}.`);
  if (it === undefined) throw new Error(`The case ${options.only} has no profile.`);
  const surroundings = await startSurroundings({ home, upstreamPort: '0' });
  const { upstream, load } = surroundings;
  const gateway = await OWN_TARGETS.gateway(surroundings);
  const path = options.out ?? join(tmpdir(), `kiro-gateway-${it.name}.cpuprofile`);
  const job = { ...jobFor(it), url: gateway.url };
  await upstream.ask('plan', { ...it, pauseMs: 0 });
  await load.ask('load', { ...job, seconds: WARM_SECONDS });
  await upstream.ask('plan', it);
  await gateway.ask('profileStart');
  const sample = await measureOnce(gateway, 'gateway', { ...job, seconds: Math.max(5, seconds) }, load);
  await gateway.ask('profileEnd', path);
  say(`${it.title}: ${sample.streams} streams, ${sample.cpuMs.toFixed(2)} ms of CPU each (profiled); ${path}`);
  say(printProfile(JSON.parse(readFileSync(path, 'utf8')), ROOT));
}

function jobFor(it) {
  const headers = { authorization: `Bearer ${KEY}`, 'x-api-key': KEY, 'content-type': 'application/json' };
  const isPaced = it.pauseMs > 0;
  return {
    path: PATHS[it.dialect],
    headers: { ...headers, ...(it.dialect === 'messages' && { 'anthropic-version': '2023-06-01' }) },
    body: bodyOf(it),
    clients: it.clients,
    deltas: it.deltas,
    isPaced,
    // Clients that all begin at once would wait for one another, which agents do not do.
    staggerMs: isPaced ? it.pauseMs * it.deltas : 0,
    seconds: isPaced ? seconds * PACED_ROUNDS_ARE_LONGER : seconds,
  };
}

/** One JSON.parse and one JSON.stringify of a body: no gateway can do with less. */
function parseMs(body) {
  const times = Array.from({ length: 5 }, () => {
    const began = performance.now();
    JSON.stringify(JSON.parse(body));
    return performance.now() - began;
  });
  return median(times);
}

function describeRun() {
  const git = (...args) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
  const isChanged = git('status', '--porcelain', '--', 'src', 'package-lock.json') !== '';
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform}`;
  const commit = git('rev-parse', '--short', 'HEAD') + (isChanged ? ' with changes' : '');
  return { machine, node: process.version, commit, date: new Date().toISOString().slice(0, 10), rounds, seconds };
}
