/** The clients: many connections of bare node:http in a process of their own, so that they do not slow what they ask. */

import { Agent, request as ask } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

import { answers } from './probe.mjs';

/**
 * Each client asks, reads to the end and asks again until the time is over; what has begun is finished.
 * @param {object} job `url`, `path`, `headers`, `body`, `clients`, `seconds`; `deltas` that each answer must have;
 *   `isPaced` when they tell the time; `staggerMs` over which the clients begin.
 */
answers.load = async ({ clients, seconds, staggerMs, ...job }) => {
  const meeting = {
    ...job,
    agent: new Agent({ keepAlive: true }),
    body: Buffer.from(job.body),
    firsts: [],
    delays: [],
  };
  const began = performance.now();
  let streams = 0;
  const runClient = async (index) => {
    if (staggerMs > 0) await wait((staggerMs * index) / clients);
    do {
      await stream(meeting, streams < clients);
      streams++;
    } while (performance.now() - began < seconds * 1000);
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => runClient(index)));
  const elapsed = performance.now() - began;
  meeting.agent.destroy();
  return {
    streams,
    perSecond: (streams * 1000) / elapsed,
    firstP50: percentile(meeting.firsts, 0.5),
    firstP99: percentile(meeting.firsts, 0.99),
    delayP50: percentile(meeting.delays, 0.5),
    delayP99: percentile(meeting.delays, 0.99),
  };
};

// Between two questions there is nothing else to stay for.
process.channel.ref();

let held;

/** Opens so many streams that are not over before `endHeld`; resolves when each has had its first byte. */
answers.hold = async ({ clients, ...job }) => {
  const agent = new Agent({ keepAlive: true });
  const meeting = { ...job, agent, body: Buffer.from(job.body), firsts: [], delays: [] };
  const over = [];
  for (let open = 0; open < clients; open += OPENED_AT_ONCE) {
    const begun = Array.from({ length: Math.min(OPENED_AT_ONCE, clients - open) }, () => {
      return new Promise((resolve, reject) => {
        over.push(stream({ ...meeting, onFirst: resolve }, false).catch(reject));
      });
    });
    await Promise.all(begun);
  }
  held = { over, agent };
};

answers.endHeld = async () => {
  await Promise.all(held.over);
  held.agent.destroy();
};

function stream(meeting, isChecked) {
  const { url, path, headers, body, agent, deltas, isPaced, firsts, delays, onFirst } = meeting;
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const allHeaders = { ...headers, 'content-length': body.length };
    const request = ask({ hostname, port, path, method: 'POST', headers: allHeaders, agent }, (response) => {
      let isFirst = true;
      let text = '';
      const readDelays = isPaced ? createDelayReader(deltas, delays) : undefined;
      response.on('data', (chunk) => {
        if (isFirst) {
          firsts.push(performance.now() - began);
          onFirst?.();
        }
        isFirst = false;
        readDelays?.(chunk);
        if (isChecked || response.statusCode !== 200) text += chunk.toString('latin1');
      });
      response.on('error', reject);
      response.on('end', () => {
        const isWhole = !isChecked || (text.match(/~/g)?.length ?? 0) >= deltas;
        if (response.statusCode === 200 && isWhole) resolve();
        else reject(new Error(`${url}${path} answered ${response.statusCode}: ${text.slice(0, 300)}`));
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Each delta says when it was sent, in microseconds of the machine's clock; the time until it is here is noted. */
function createDelayReader(deltas, delays) {
  let rest = '';
  let seen = 0;
  return (chunk) => {
    const now = Number(process.hrtime.bigint() / 1000n);
    rest += chunk.toString('latin1');
    let end = 0;
    for (const match of rest.matchAll(/~(\d+) /g)) {
      // An answer may repeat its text at its end.
      if (seen++ < deltas) delays.push((now - Number(match[1])) / 1000);
      end = match.index + match[0].length;
    }
    rest = rest.slice(Math.max(end, rest.length - LONGEST_STAMP));
  };
}

function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.length === 0 ? undefined : sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
}

const OPENED_AT_ONCE = 20;
const LONGEST_STAMP = 40;
