/**
 * Kiro, as fast as it can be: plays frames that were encoded beforehand. What is not a conversation (sign-in, models)
 * goes to the simulator, which runs in this process.
 */

import { createServer, request as ask } from 'node:http';

import { encodeEvent } from '../../dist/simulator/frames.js';
import { startSimulator } from '../../dist/simulator/server.js';
import { answers } from './probe.mjs';

const simulator = new URL((await startSimulator({ pace: 'none', keepRequests: 0 })).url);

/** Ends the answers that are held open. */
let letGo = () => {};
let released = Promise.resolve();

/** What is answered until another plan comes. */
let plan;

/**
 * `deltas` pieces of text, or of the input of one tool call: glued into one write, or one write each with `pauseMs`
 * between them. Held answers stop after the first piece until `release`.
 */
answers.plan = ({ deltas, pieceLength, tool, glued, pauseMs, held }) => {
  const frames = [...pieces(deltas, pieceLength, tool), ...closing(tool === undefined ? 'END_TURN' : 'TOOL_USE')];
  plan = { deltas, frames, glued: glued ? Buffer.concat(frames) : undefined, pauseMs, held };
  released = new Promise((resolve) => {
    letGo = resolve;
  });
};
answers.release = () => letGo();

const server = createServer((request, response) => {
  if (request.url !== '/generateAssistantResponse') return passOn(request, response);
  request.resume();
  request.once('end', () => void play(plan, response));
});
server.keepAliveTimeout = 120_000;
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`listens on http://127.0.0.1:${server.address().port}\n`);
});

async function play({ deltas, frames, glued, pauseMs, held }, response) {
  response.on('error', () => undefined);
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
  if (glued !== undefined) {
    response.end(glued);
    return;
  }
  if (held) {
    response.write(frames[0]);
    await released;
    response.end(Buffer.concat(frames.slice(1)));
    return;
  }
  if (pauseMs === 0) return playEach(frames, response);
  let sent = 0;
  const timer = setInterval(writeNext, pauseMs);
  response.once('close', () => clearInterval(timer));
  writeNext();

  function writeNext() {
    // The reader compares this with its own clock, which is the machine's.
    response.write(textFrame(`~${process.hrtime.bigint() / 1000n} `));
    sent++;
    if (sent < deltas) return;
    clearInterval(timer);
    response.end(Buffer.concat(closing('END_TURN')));
  }
}

/** One write in each turn of the loop, so that each is a packet of its own. */
function playEach(frames, response) {
  let at = 0;
  const writeNext = () => {
    if (response.destroyed) return;
    response.write(frames[at]);
    at++;
    if (at < frames.length) setImmediate(writeNext);
    else response.end();
  };
  writeNext();
}

/** Each piece has one `~`, by which its reader counts. */
function pieces(count, length, tool) {
  const text = (index) => `~${index} and so it goes on, word by word `.padEnd(length, 'and on ').slice(0, length);
  if (tool === undefined) return Array.from({ length: count }, (_, index) => textFrame(text(index)));
  const call = { name: tool, toolUseId: 'tooluse_of_the_bench' };
  const inputs = Array.from({ length: count }, (_, index) => text(index));
  return [
    ...['{"content":"', ...inputs, '"}'].map((input) => encodeEvent('toolUseEvent', { ...call, input })),
    encodeEvent('toolUseEvent', { ...call, stop: true }),
  ];
}

function textFrame(content) {
  return encodeEvent('assistantResponseEvent', { content, modelId: 'claude-sonnet-4.5' });
}

function closing(stopReason) {
  const tokenUsage = { uncachedInputTokens: 900, outputTokens: 100, totalTokens: 1000, cacheReadInputTokens: 0 };
  return [
    encodeEvent('contextUsageEvent', { contextUsagePercentage: 1.5 }),
    encodeEvent('meteringEvent', { usage: 0.02, unit: 'credit', unitPlural: 'credits' }),
    encodeEvent('metadataEvent', { tokenUsage, stopReason }),
  ];
}

function passOn(request, response) {
  const { method, url: path, headers } = request;
  const onward = ask({ hostname: simulator.hostname, port: simulator.port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}
