/** Fault runs: 64 clients at once, and an upstream that fails in every way; each gets the true answer or a proper error. */

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Simulator, startSimulator } from '../src/simulator/server.js';
import { createChance, type Chance } from './fuzz/chance.js';
import { readStreamed, readWhole, type Outcome } from './support/answers.js';
import { serve, type Served } from './support/command.js';
import { FAULTS, HARMLESS, startFaultyUpstream, type Fault, type FaultyUpstream } from './support/faulty-upstream.js';
import { GATEWAY_KEY, REFRESH_TOKEN, until } from './support/gateway.js';
import { ask, DIALECTS, open, question, ROUTES, type DialectName, type Door } from './support/http.js';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_122);
const CLIENTS = 64;
const REQUESTS = 320;
/** The number of a client whose answer is not disturbed. */
const SOUND = REQUESTS;

let simulator: Simulator;
let upstream: FaultyUpstream;
/** Its limits of time are longer than any machine is busy, so that a true answer never meets them. */
let patient: Served;
/** For those who have to wait for a limit. */
let hasty: Served;

beforeAll(async () => {
  simulator = await startSimulator({ pace: 'none' });
  upstream = await startFaultyUpstream((body) => {
    const client = clientOf(Number(/client (\d+)\b/.exec(body)?.[1] ?? 0));
    return { fault: client.fault, deltas: client.deltas, chance: client.chance };
  });
  const env = {
    PROXY_API_KEY: GATEWAY_KEY,
    REFRESH_TOKEN,
    KIRO_API_URL: upstream.url,
    KIRO_MANAGEMENT_URL: simulator.url,
    KIRO_AUTH_URL: simulator.url,
    MAX_RETRIES: '1',
    // A 429 lets everybody wait for a while, which is right and would only be slow here.
    BASE_RETRY_DELAY: '0',
    MAX_CONCURRENT_REQUESTS: '0',
    FIRST_TOKEN_MAX_RETRIES: '0',
  };
  const limits = (seconds: string) => ({ FIRST_TOKEN_TIMEOUT: seconds, STREAMING_READ_TIMEOUT: seconds });
  patient = await serve([], { env: { ...env, ...limits('270') } });
  hasty = await serve([], { env: { ...env, ...limits('4') } });
});

afterAll(async () => {
  upstream.close();
  await simulator.close();
});

type Client = {
  readonly number: number;
  readonly fault: Fault;
  readonly dialect: DialectName;
  readonly isStreamed: boolean;
  /** Does not wait for the end. */
  readonly leaves: boolean;
  readonly deltas: readonly string[];
  readonly chance: Chance;
};

const faults = Object.keys(FAULTS) as readonly Fault[];

/** All that is random about a client follows from its number and the seed. */
function clientOf(number: number): Client {
  const chance = createChance(SEED, 'fault', number);
  const count = 1 + chance.below(30);
  return {
    number,
    fault: number === SOUND ? 'none' : number % 3 === 0 ? chance.pick(HARMLESS) : chance.pick(faults),
    dialect: chance.pick(DIALECTS),
    isStreamed: chance.is(0.7),
    leaves: chance.is(0.08),
    deltas: Array.from({ length: count }, (_, at) => `${number}.${at} 漢👍${'word '.repeat(chance.below(200))}`),
    chance,
  };
}

/** Undefined when the client got what it should have got; otherwise what is wrong, with all that is needed to see why. */
async function drive(client: Client): Promise<string | undefined> {
  const { number, fault, dialect, isStreamed } = client;
  const { url } = fault.startsWith('stall') ? hasty : patient;
  const door: Door = { url, key: GATEWAY_KEY };
  const body = question(`I am client ${number} of many.`, { stream: isStreamed, max_tokens: 1_000_000 });
  if (client.leaves) {
    const { request } = await open(door, ROUTES[dialect], { body });
    request.destroy();
    return undefined;
  }
  const { status, text, isComplete } = await ask(door, ROUTES[dialect], { body });
  try {
    if (!isComplete) throw new Error('the answer broke off');
    const outcome = isStreamed && status === 200 ? readStreamed(dialect, text) : readWhole(dialect, status, text);
    judge(client, outcome);
    return undefined;
  } catch (thrown) {
    return `client ${number}, ${fault}, ${dialect}, ${isStreamed ? 'streamed' : 'whole'}: ${String(thrown)} (${status} ${text.slice(-300)})`;
  }
}

function judge({ fault, deltas }: Client, { said, hasFailed }: Outcome): void {
  const truth = deltas.join('');
  if (!truth.startsWith(said)) throw new Error('a byte is wrong');
  if (!hasFailed && said !== truth) throw new Error('the answer looks whole and is not');
  if (hasFailed && HARMLESS.includes(fault)) throw new Error('a whole answer has become an error');
}

test(`${REQUESTS} requests of ${CLIENTS} clients: the true answer or a proper error, seed ${SEED}`, async () => {
  const waiting = Array.from({ length: REQUESTS }, (_, number) => clientOf(number));
  const wrong: string[] = [];
  const work = async (): Promise<void> => {
    for (let client = waiting.pop(); client !== undefined; client = waiting.pop()) {
      const complaint = await drive(client);
      if (complaint !== undefined) wrong.push(complaint);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, work));
  expect(wrong).toEqual([]);
});

test('after all that no connection to Kiro is left open, and the processes serve and stop as always', async () => {
  await until(() => upstream.open() === 0);
  const sound = { ...clientOf(SOUND), leaves: false };
  const answer = await drive(sound);
  const exitCodes = [await patient.stop(), await hasty.stop()];
  expect({ answer, exitCodes, stderr: internalErrors() }).toEqual({ answer: undefined, exitCodes: [0, 0], stderr: [] });
});

function internalErrors(): readonly string[] {
  const lines = [patient, hasty].flatMap(({ output }) => output.stderr.split('\n'));
  return lines.filter((line) => /\bERROR\b|Unhandled|TypeError/.test(line));
}
