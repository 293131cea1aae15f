/** The simulator as a program of its own: prints its URL and runs until it is told to stop. */
import { parseArgs } from 'node:util';
import type { Pace } from './frames.js';
import { isScenarioName, listScenarios } from './scenarios.js';
import { startSimulator } from './server.js';

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const simulator = await startSimulator({ ...options, keepRequests: 0 });
  process.stdout.write(`${simulator.url}\n`);
  const stop = () => void simulator.close();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

type Options = { readonly host: string; readonly port: number; readonly pace: Pace; readonly scenario?: string };

/** The options, or a sentence that says what is wrong with them. */
function readOptions(argv: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({ args: [...argv], options: FLAGS });
    const port = Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) return `The port "${values.port}" is no port.`;
    if (values.pace !== 'human' && values.pace !== 'none')
      return `The pace is "human" or "none", not "${values.pace}".`;
    const options = { host: values.host, port, pace: values.pace } as const;
    if (values.scenario !== undefined && !isScenarioName(values.scenario))
      return `There is no scenario "${values.scenario}".`;
    return values.scenario === undefined ? options : { ...options, scenario: values.scenario };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const FLAGS = {
  port: { type: 'string', default: '0' },
  host: { type: 'string', default: '127.0.0.1' },
  scenario: { type: 'string' },
  pace: { type: 'string', default: 'human' },
} as const;

const USAGE = `
Usage: simulator [--port N] [--host H] [--scenario NAME] [--pace human|none]

Scenarios:
${listScenarios()
  .map(({ name, description }) => `  ${name.padEnd(24)} ${description}`)
  .join('\n')}
`;

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
