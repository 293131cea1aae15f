/** Runs a program as it is, and tells its parent how it is doing: `node --expose-gc watched.mjs PROGRAM WORDS…`. */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';

const [node, , program, ...words] = process.argv;
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

process.on('message', () => {
  // Twice: what the first finds finalizable, the second takes.
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, rss, external } = process.memoryUsage();
  const handles = {};
  for (const name of process.getActiveResourcesInfo()) handles[name] = (handles[name] ?? 0) + 1;
  // The timer of the measurement itself is late by its own resolution.
  const lag = [50, 99, 100].map((part) => Math.max(0, delay.percentile(part) / 1e6 - 10));
  delay.reset();
  process.send({ heapUsed, rss, external, handles, lag });
});
// A run that has crashed leaves nobody behind.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Only the program itself decides how long the process lives.
process.channel.unref();

process.argv = [node, program, ...words];
await import(pathToFileURL(program).href);
