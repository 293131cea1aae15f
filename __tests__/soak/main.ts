/**
 * `npm run soak [-- --minutes N --seed S --svg]`: the built gateway in front of the simulator, each a process of its
 * own, under streams without a pause. Fails on a wrong byte, a leaked socket, a growing heap.
 */

import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { drawSvg, drawText, type Curve } from './draw.js';
import { createLoad, type Tally } from './load.js';
import { socketsOf, startWatched, type Health } from './process.js';

const ROOT = join(import.meta.dirname, '..', '..');
const KEY = 'gateway-key-of-the-soak-run-0123456789';
/** Streams a minute that the run must reach: 30,000 in five. */
const LEAST_A_MINUTE = 6000;
const SAMPLES_A_MINUTE = 12;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(randomInt(1_000_000_000)) },
    svg: { type: 'boolean', default: false },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
const home = mkdtempSync(join(tmpdir(), 'kiro-gateway-soak-'));
const simulator = await startWatched(
  [join(ROOT, 'dist', 'simulator', 'main.js'), '--pace', 'none'],
  {},
  /^(http:\S+)$/,
);
const gateway = await startWatched(
  [join(ROOT, 'bin', 'kiro-gateway.js'), 'serve', '--port', '0'],
  {
    HOME: home,
    KIRO_GATEWAY_HOME: join(home, 'gateway'),
    PROXY_API_KEY: KEY,
    REFRESH_TOKEN: `reusable${'-refresh-token-of-the-soak-run'.repeat(4)}`,
    KIRO_API_URL: simulator.url,
    KIRO_MANAGEMENT_URL: simulator.url,
    KIRO_AUTH_URL: simulator.url,
    LOG_LEVEL: 'ERROR',
    MAX_RETRIES: '2',
    // A 429 lets everybody wait, which would be most of the run.
    BASE_RETRY_DELAY: '0',
    STREAMING_READ_TIMEOUT: '2',
  },
  /listens on (http\S+)/,
);
const load = createLoad({ url: gateway.url, key: KEY }, seed);
say(`seed ${seed}, ${minutes} minutes`);

const samples: Health[] = [];
const count = Math.max(9, Math.round(minutes * SAMPLES_A_MINUTE));
const from = performance.now();
for (let sample = 0; sample < count; sample++) {
  // To the planned time, so that the waiting between samples is made up for.
  await load.run(from + ((sample + 1) * minutes * 60_000) / count - performance.now());
  samples.push(await gateway.health());
  if (sample % SAMPLES_A_MINUTE === SAMPLES_A_MINUTE - 1) tellMinute(load.tally, samples.at(-1));
}
const took = (performance.now() - from) / 60_000;
load.close();
// Idle connections to the simulator do not keep the gateway alive, so they do not count.
const leaked = await settled(async () => socketsOf(await gateway.health()), 0);
const exitCode = await gateway.stop();
const orphans = await settled(async () => socketsOf(await simulator.health()), 0);
await simulator.stop();
rmSync(home, { recursive: true, force: true });
conclude(load.tally);

/** The value once it is what it should be, or what it is after ten seconds. */
async function settled(measure: () => Promise<number>, wanted: number): Promise<number> {
  let value = await measure();
  for (let turn = 0; turn < 100 && value !== wanted; turn++) {
    await sleep(100);
    value = await measure();
  }
  return value;
}

function conclude({ good, faults, left, wrong }: Tally): void {
  const curves = curvesOf(samples);
  for (const curve of curves) say(`\n${drawText(curve)}`);
  const streams = good + faults + left + wrong.length;
  const caption = `${streams} streams in ${took.toFixed(1)} min: ${good} good, ${faults} faults, ${left} clients that left`;
  say(`\n${caption}, ${wrong.length} wrong`);
  const [middle, last] = [1, 2].map((third) => mean(thirdOf(samples, third).map(({ heapUsed }) => heapUsed)));
  const growth = (last ?? 0) / (middle ?? 1) - 1;
  const handles = [1, 2].map((third) => Math.max(...thirdOf(samples, third).map(allHandles)));
  say(`heap after GC: last third ${(growth * 100).toFixed(1)} % against the middle third`);
  say(`handles: at most ${handles[0]} in the middle third, ${handles[1]} in the last`);
  const faultsFound = [
    ...wrong.slice(0, 10),
    ...(wrong.length > 10 ? [`and ${wrong.length - 10} more`] : []),
    ...(growth > 0.1 ? ['The heap grows.'] : []),
    ...((handles[1] ?? 0) > (handles[0] ?? 0) * 1.1 + 5 ? ['The number of handles grows.'] : []),
    ...(leaked === 0 ? [] : [`${leaked} sockets of clients are still open.`]),
    ...(orphans === 0 ? [] : [`${orphans} connections to Kiro outlived the gateway.`]),
    ...(exitCode === 0 ? [] : [`The gateway ended with ${exitCode}.`]),
    ...(streams < LEAST_A_MINUTE * minutes
      ? [`Only ${streams} streams; ${LEAST_A_MINUTE * minutes} were to be reached.`]
      : []),
  ];
  for (const fault of faultsFound) say(`FAILED ${fault}`);
  if (faultsFound.length === 0) say('no growth, no leaked socket, no wrong byte');
  else process.exitCode = 1;
  if (!values.svg) return;
  const folder = join(ROOT, 'docs', 'pictures');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'soak.svg'), drawSvg(caption, minutes, curves));
}

function curvesOf(all: readonly Health[]): readonly Curve[] {
  const megabytes = (bytes: number): number => bytes / 1_048_576;
  return [
    { title: 'heap after GC', unit: 'MB', values: all.map(({ heapUsed }) => megabytes(heapUsed)) },
    { title: 'resident memory', unit: 'MB', values: all.map(({ rss }) => megabytes(rss)) },
    { title: 'open sockets, between streams', unit: 'sockets', values: all.map(socketsOf) },
    { title: 'event-loop lag, worst in a hundred', unit: 'ms', values: all.map(({ lag }) => lag[1]) },
  ];
}

function tellMinute({ good, faults, wrong }: Tally, health: Health | undefined): void {
  if (health === undefined) return;
  const { heapUsed, rss, lag } = health;
  const memory = `heap ${(heapUsed / 1_048_576).toFixed(1)} MB, rss ${(rss / 1_048_576).toFixed(0)} MB`;
  const late = `lag ${lag.map((it) => it.toFixed(1)).join('/')} ms`;
  say(`${good} good, ${faults} faults, ${wrong.length} wrong; ${memory}, ${socketsOf(health)} sockets, ${late}`);
}

function allHandles({ handles }: Health): number {
  return Object.values(handles).reduce((sum, it) => sum + it, 0);
}

function thirdOf<Item>(items: readonly Item[], third: number): readonly Item[] {
  return items.slice(Math.floor((third * items.length) / 3), Math.floor(((third + 1) * items.length) / 3));
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, it) => sum + it, 0) / numbers.length;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
