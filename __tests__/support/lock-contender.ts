/** A process that wants a lock: `count` adds to a number in a file under it, `wait` too and says so, `hold` never lets go. */

import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock } from '../../src/auth/lock.js';

const [task = '', lock = '', counter = '', rounds = '1'] = process.argv.slice(2);

const options = {
  now: Date.now,
  sleep: (milliseconds: number, signal: AbortSignal) => sleep(milliseconds, undefined, { signal }),
  notice(sentence: string) {
    if (!sentence.endsWith('; waiting for it.')) say(`notice ${sentence}`);
  },
};

if (task === 'hold') {
  await withLock(lock, options, async () => {
    say('held');
    await sleep(600_000);
  });
} else {
  if (task === 'wait') say('waits');
  for (let round = 0; round < Number(rounds); round++) {
    await withLock(lock, options, async () => {
      const count = Number(readFileSync(counter, 'utf8'));
      // Long enough for the others to read the same number, if they could.
      await sleep(1);
      writeFileSync(counter, String(count + 1));
    });
  }
  say('counted');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
