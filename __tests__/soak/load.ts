/** Clients without end: streams over three dialects whose every byte is known, and some that are meant to fail. */

import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { createChance, type Chance } from '../fuzz/chance.js';
import { readStreamed, readWhole } from '../support/answers.js';
import { DIALECTS, question, ROUTES, type DialectName } from '../support/http.js';

export type Tally = {
  /** Whole answers, each byte of which was right. */
  good: number;
  /** Faults of Kiro's that were told properly. */
  faults: number;
  /** Clients that left in the middle. */
  left: number;
  /** What should not have been, in sentences. */
  readonly wrong: string[];
};

export type Load = {
  readonly tally: Tally;
  /** Streams for so long, then waits until the last one has ended. */
  readonly run: (milliseconds: number) => Promise<void>;
  /** Closes all connections. */
  readonly close: () => void;
};

const AT_ONCE = 32;
const FAULT_SHARE = 0.05;

/** Scenarios of the simulator that no answer can survive; the last is a client's own doing. */
const FAULTS = [
  'exception-first',
  'exception-later',
  'error-frame',
  'throttled',
  'capacity',
  'server-error',
  'unavailable',
  'cut',
  'damaged',
  'empty',
  'stall',
  'leave',
] as const;

export function createLoad(door: { readonly url: string; readonly key: string }, seed: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const tally: Tally = { good: 0, faults: 0, left: 0, wrong: [] };
  let number = 0;

  async function one(mine: number): Promise<void> {
    const chance = createChance(seed, 'soak', mine);
    const dialect = chance.pick(DIALECTS);
    if (!chance.is(FAULT_SHARE)) return answered(dialect, chance, mine);
    const fault = chance.pick(FAULTS);
    if (fault === 'leave') return leaves(dialect, chance, mine);
    const { status, text } = await ask(dialect, `[[scenario:${fault}]]`);
    const { hasFailed } = read(dialect, status, text);
    if (!hasFailed) throw new Error(`${fault} looks like a success: ${text.slice(-200)}`);
    tally.faults++;
  }

  async function answered(dialect: DialectName, chance: Chance, mine: number): Promise<void> {
    const topic = topicOf(mine, chance);
    const { status, text } = await ask(dialect, topic);
    const { said } = read(dialect, status, text);
    const expected = `You said: "${topic}". Understood.\n\nThis answer comes from the kiro-gateway simulator, not from a model.`;
    if (said !== expected) throw new Error(`wrong bytes: ${status} ${said.slice(0, 300) || text.slice(-300)}`);
    tally.good++;
  }

  /** Reads the beginning of a long answer and goes. */
  async function leaves(dialect: DialectName, chance: Chance, mine: number): Promise<void> {
    const response = await open(dialect, topicOf(mine, chance));
    await once(response, 'data');
    response.destroy();
    tally.left++;
  }

  async function ask(dialect: DialectName, prompt: string): Promise<{ status: number; text: string }> {
    const response = await open(dialect, prompt);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
  }

  function open(dialect: DialectName, prompt: string): Promise<IncomingMessage> {
    // What is kept on purpose would look like a leak.
    const body = JSON.stringify(question(prompt, { stream: true, store: false }));
    const headers = {
      authorization: `Bearer ${door.key}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    return new Promise((resolve, reject) => {
      const asking = request(door.url + ROUTES[dialect], { method: 'POST', agent, headers }, (response) => {
        response.on('error', () => undefined);
        resolve(response);
      });
      asking.once('error', reject);
      asking.end(body);
    });
  }

  return {
    tally,
    async run(milliseconds) {
      const until = performance.now() + milliseconds;
      const work = async (): Promise<void> => {
        while (performance.now() < until) {
          const mine = number++;
          try {
            await one(mine);
          } catch (thrown) {
            tally.wrong.push(`stream ${mine}: ${String(thrown)}`);
          }
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    },
    close: () => agent.destroy(),
  };
}

function read(dialect: DialectName, status: number, text: string) {
  return status === 200 ? readStreamed(dialect, text) : readWhole(dialect, status, text);
}

/**
 * Twenty-five words that the simulator says again: with its own words around them, in groups of one to three, they make
 * twenty deltas. None of them means anything to it.
 */
function topicOf(number: number, chance: Chance): string {
  const name = String(number).replaceAll(/\d/g, (digit) => 'bcdfgklmpq'.charAt(Number(digit)));
  return [name, ...Array.from({ length: 24 }, () => chance.pick(WORDS))].join(' ');
}

const WORDS = ['zorg', 'blim', 'quux', 'é', '漢字', '👩‍👩‍👧', 'vlok', 'ñandu', 'gorp', '한국', 'fnord', 'wex'];
