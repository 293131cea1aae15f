/** A small share of `npm run fuzz`, the same every time: no reader throws anything but its own errors. */

import { expect, test } from '@jest/globals';
import { fuzz, type Failure, type Input, type Target } from './engine.js';
import { createTargets } from './targets.js';

const INPUTS = 800;
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_122);

test(`${INPUTS} wrong inputs do no harm`, async () => {
  const { targets, close } = await createTargets();
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  const failures: Failure[] = [];
  let inputs = 0;
  for (const target of targets) {
    const share = Math.ceil((INPUTS * target.share) / shares);
    // A busy machine is no failure here: how long an input takes is for the long run to judge.
    const result = await fuzz(target, { inputs: share, seed: SEED, limitMs: Infinity });
    if ('complaint' in result) failures.push(result);
    else inputs += result.inputs;
  }
  await close();
  expect({ failures, isAll: inputs >= INPUTS }).toEqual({ failures: [], isAll: true });
});

test('a target that throws is found, told by its number, and made small', async () => {
  const found = await fuzz(hatesLong, { inputs: 1000, seed: 1, limitMs: Infinity });
  expect(found).toEqual({
    target: 'hates long lists',
    index: expect.any(Number),
    complaint: expect.stringContaining('TypeError: too long'),
    input: { list: ['', '', ''] },
  });
});

/** Breaks at three items, whatever they are. */
const hatesLong: Target = {
  name: 'hates long lists',
  share: 1,
  make: (chance) => ({ list: Array.from({ length: chance.below(9) }, () => 'word'), other: 1 }),
  run: (input: Input) => {
    const { list = [] } = input as { readonly list?: readonly unknown[] };
    if (list.length > 2) throw new TypeError('too long');
    return 'read';
  },
};
