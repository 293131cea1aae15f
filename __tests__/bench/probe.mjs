/** Loaded into every process of a bench before its own code: answers over IPC what it costs, and records its profile. */

import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** Fine enough for functions that take microseconds a delta. */
const SAMPLE_EVERY_MICROSECONDS = 200;

let session;

/** By name, what this process can be asked for; its own code adds to it. */
export const answers = {
  cost() {
    const { user, system } = process.cpuUsage();
    return { cpuMs: (user + system) / 1000, rssMb: process.memoryUsage.rss() / 2 ** 20 };
  },

  /** What is still held once everything that can go has gone. */
  async memory() {
    for (let round = 0; round < 3; round++) {
      // Connections that were closed have to be noticed here as well.
      await wait(100);
      globalThis.gc();
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heldMb: (heapUsed + external) / 2 ** 20, rssMb: rss / 2 ** 20 };
  },

  async profileStart() {
    // Only now, so that the memory after start is the program's own.
    const { Session } = await import('node:inspector/promises');
    session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_MICROSECONDS });
    await session.post('Profiler.start');
  },

  async profileEnd(path) {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    writeFileSync(path, JSON.stringify(profile));
  },
};

process.on('message', (question) => void reply(question));
// Nobody is left to ask.
process.on('disconnect', () => process.exit());
// To be asked is no reason to stay.
process.channel?.unref();

async function reply({ id, name, value }) {
  try {
    process.send({ id, answer: await answers[name](value) });
  } catch (error) {
    process.send({ id, failure: String(error) });
  }
}
