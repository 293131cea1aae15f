/** The simulator as a program of its own: prints its URL and runs until it is told to stop. */

import { parseArgs } from 'node:util';

import { listScenarios } from './scenarios.js';
import { startSimulator } from './server.js';

const FLAGS = {
  port: { type: 'string', default: '0' },
  scenario: { type: 'string' },
  pace: { type: 'string', default: 'human' },
} as const;

const SCENARIO_LINES = listScenarios().map(({ name, description }) => `  ${name.padEnd(24)} ${description}\n`);

const USAGE = `
Usage: simulator [--port N] [--scenario NAME] [--pace human|none]

Scenarios:
${SCENARIO_LINES.join('')}
`;

try {
  const { port, scenario, pace } = parseArgs({ options: FLAGS }).values;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new Error(`The port "${port}" is no port.`);
  if (pace !== 'human' && pace !== 'none') throw new Error(`The pace is "human" or "none", not "${pace}".`);
  const { url, close } = await startSimulator({ port: Number(port), pace, scenario, keepRequests: 0 });
  process.stdout.write(`${url}\n`);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void close());
} catch (error) {
  // What the system refuses is no fault of the flags.
  const isSystems = error instanceof Error && 'syscall' in error;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n${isSystems ? '' : USAGE}`);
  process.exitCode = isSystems ? 1 : 2;
}
