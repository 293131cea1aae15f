/** `npm run fuzz [-- --inputs N --seed S --only PART-OF-A-NAME]`: wrong inputs for every reader, until one does harm. */

import { randomInt } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz, type Failure, type Figures, type Input } from './engine.js';
import { createTargets } from './targets.js';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '150000' },
    seed: { type: 'string', default: String(randomInt(1_000_000_000)) },
    only: { type: 'string', default: '' },
  },
});
const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
/** No reader may take longer for any input, on any machine. */
const LIMIT_MS = 2000;

say(`seed ${seed}, ${inputs} inputs`);
say(`${'target'.padEnd(20)} ${'inputs'.padStart(7)} ${'ms'.padStart(7)} ${'slowest'.padStart(8)}  outcomes`);
const from = performance.now();
const { targets, close } = await createTargets();
const chosen = targets.filter(({ name }) => name.toLowerCase().includes(values.only.toLowerCase()));
const shares = chosen.reduce((sum, { share }) => sum + share, 0);
let done = 0;
for (const target of chosen) {
  const started = performance.now();
  const count = Math.max(1, Math.round((inputs * target.share) / shares));
  const result = await fuzz(target, { inputs: count, seed, limitMs: LIMIT_MS });
  if ('complaint' in result) {
    tellFailure(result);
    process.exitCode = 1;
    continue;
  }
  done += count;
  tellFigures(result, performance.now() - started);
}
await close();
say(`${done} inputs in ${((performance.now() - from) / 1000).toFixed(1)} s, seed ${seed}`);

function tellFigures({ target, inputs: count, outcomes, slowest }: Figures, milliseconds: number): void {
  const told = [...outcomes].toSorted(([, one], [, other]) => other - one).map(([word, often]) => `${word} ${often}`);
  const columns = [
    target.padEnd(20),
    String(count).padStart(7),
    milliseconds.toFixed(0).padStart(7),
    `${slowest.milliseconds.toFixed(0)} ms`.padStart(8),
  ];
  say(`${columns.join(' ')}  ${told.join(', ')}`);
}

function tellFailure({ target, index, complaint, input }: Failure): void {
  const path = join(mkdtempSync(join(tmpdir(), 'kiro-gateway-fuzz-')), fileNameOf(input));
  writeFileSync(path, input instanceof Uint8Array ? input : JSON.stringify(input));
  say(`${target} FAILED at input ${index} of seed ${seed}: ${complaint}`);
  say(`  smallest input found: ${path}`);
  const shown = input instanceof Uint8Array ? Buffer.from(input).toString('hex') : JSON.stringify(input);
  say(`  ${shown.length > 2000 ? `${shown.slice(0, 2000)}…` : shown}`);
}

function fileNameOf(input: Input): string {
  return input instanceof Uint8Array ? 'input.bin' : 'input.json';
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
