/** What is measured: requests, answers, and the figures that issue 8 sets for them. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const MODEL = 'claude-sonnet-4.5';
const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'requests', 'claude-code--plain-1.json');

/**
 * A goal compares one figure of the gateway with a limit: `cpu` and `rate` are ratios to the skeleton, `first…` and
 * `delay…` milliseconds that are added over asking the upstream directly.
 * @typedef {{ figure: string, most?: number | 'skeleton' | 'parse', least?: number }} Goal
 */

/** Where a case says nothing else: glued small answers of 20 deltas in Anthropic's words, 32 clients at once. */
const USUAL = {
  dialect: 'messages',
  kilobytes: 2,
  stream: true,
  deltas: 20,
  pieceLength: 20,
  glued: true,
  pauseMs: 0,
  clients: 32,
};

const each = { glued: false };
const json = { stream: false };

export const CASES = [
  {
    ...USUAL,
    name: 'headline',
    title: '85 KB, 20 paced streams',
    kilobytes: 85,
    deltas: 30,
    clients: 20,
    ...each,
    pauseMs: 20,
    isQuick: true,
    goals: [
      { figure: 'firstP50', most: 3 },
      { figure: 'firstP99', most: 10 },
      { figure: 'delayP50', most: 0.3 },
      { figure: 'delayP99', most: 'skeleton' },
      { figure: 'cpu', most: 1 },
    ],
  },
  { ...USUAL, name: 'paced-1', title: '2 KB, 1 paced stream', deltas: 30, clients: 1, ...each, pauseMs: 20 },
  { ...USUAL, name: 'paced-256', title: '2 KB, 256 paced streams', deltas: 30, clients: 256, ...each, pauseMs: 60 },
  {
    ...USUAL,
    name: 'glued-200',
    title: '200 deltas glued, 32 at once',
    deltas: 200,
    isQuick: true,
    goals: [{ figure: 'cpu', most: 0.75 }],
  },
  {
    ...USUAL,
    name: 'small',
    title: 'small answer, not streamed',
    dialect: 'chat',
    deltas: 5,
    ...json,
    isQuick: true,
    goals: [{ figure: 'rate', least: 0.95 }],
  },
  ...[
    { name: 'body-2k', title: '2 KB body, alone', kilobytes: 2, most: 1 },
    { name: 'body-85k', title: '85 KB body, alone', kilobytes: 85, most: 3 },
    { name: 'body-600k', title: '600 KB body, alone', kilobytes: 600, most: 12 },
    { name: 'body-5m', title: '5 MB body, alone', kilobytes: 5120, most: 'parse' },
  ].map(({ most, ...it }) => {
    return { ...USUAL, ...it, clients: 1, isQuick: it.kilobytes < 5120, goals: [{ figure: 'firstP50', most }] };
  }),
  { ...USUAL, name: 'deltas-20-each', title: '20 deltas, a chunk each', ...each },
  { ...USUAL, name: 'deltas-20-glued', title: '20 deltas, glued' },
  { ...USUAL, name: 'deltas-2000-each', title: '2,000 deltas, a chunk each', deltas: 2000, ...each },
  { ...USUAL, name: 'deltas-2000-glued', title: '2,000 deltas, glued', deltas: 2000 },
  {
    ...USUAL,
    name: 'tool-100k',
    title: 'tool call of 100 KB',
    kilobytes: 85,
    deltas: 1000,
    pieceLength: 100,
    tool: 'Write',
    clients: 8,
  },
  ...['chat', 'messages', 'responses'].flatMap((dialect) => [
    { ...USUAL, name: `${dialect}-stream`, title: `${dialect}, streamed`, dialect },
    { ...USUAL, name: `${dialect}-json`, title: `${dialect}, not streamed`, dialect, ...json },
  ]),
];

/** Streams that have begun and are silent; `most` is the gateway's memory for one, in those of the skeleton. */
export const IDLE_CASES = [
  { ...USUAL, name: 'idle-2k', title: '1,000 idle streams, 2 KB', most: 1.2 },
  { ...USUAL, name: 'idle-85k', title: '1,000 idle streams, 85 KB', kilobytes: 85, most: 0.75 },
].map((it) => ({ ...it, clients: 1000, ...each, held: true }));

/** Cost against size: the same case at sizes that double. */
export const FIT_CASES = [
  { name: 'linear-body', title: 'CPU by body', unit: 'MB', per: 1024, key: 'kilobytes', sizes: [256, 512, 1024, 2048] },
  {
    name: 'linear-deltas',
    title: 'CPU by deltas',
    unit: '1,000',
    per: 1000,
    key: 'deltas',
    sizes: [500, 1000, 2000, 4000],
  },
].map((it) => ({ ...it, points: it.sizes.map((size) => ({ ...USUAL, clients: 4, [it.key]: size })) }));

/** Cases of one process each, without rounds. */
export const START_CASES = [{ name: 'start', title: 'start', isQuick: true }];

export const PATHS = { chat: '/v1/chat/completions', messages: '/v1/messages', responses: '/v1/responses' };

/** The text of a request: Claude Code's first one where it fits, with more history until it is long enough. */
export function bodyOf({ dialect, kilobytes, stream }) {
  const bytes = kilobytes * 1024;
  if (dialect === 'chat') {
    return fill(bytes, (text) => ({ model: MODEL, stream, messages: [{ role: 'user', content: text }] }));
  }
  if (dialect === 'responses') return fill(bytes, (text) => ({ model: MODEL, stream, store: false, input: text }));
  const ask = (messages) => ({ model: MODEL, max_tokens: 32_000, stream, messages });
  if (kilobytes < 50) return fill(bytes, (text) => ask([{ role: 'user', content: text }]));
  const { body } = JSON.parse(readFileSync(FIXTURE, 'utf8'));
  const messages = [...body.messages];
  let length = JSON.stringify({ ...body, messages }).length;
  for (let turn = 1; length < bytes; turn++) {
    const id = `toolu_${String(turn).padStart(24, '0')}`;
    const more = [
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id, name: 'Read', input: { file_path: `/src/file-${turn}.ts` } }],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: id, content: code(Math.min(4000, bytes - length)) }],
      },
    ];
    messages.push(...more);
    length += JSON.stringify(more).length;
  }
  return JSON.stringify({ ...body, ...ask(messages) });
}

function fill(bytes, write) {
  return JSON.stringify(write(code(bytes - JSON.stringify(write('')).length)));
}

/** Text as agents send it: short lines, quotes, now and then a character beyond ASCII. */
function code(length) {
  let text = '';
  for (let line = 1; text.length < length; line++) {
    text += `  const value${line} = read("entry-${line}", { strict: true });${line % 20 === 0 ? ' // naïve – ok' : ''}\n`;
  }
  // Escapes make the JSON longer than the text.
  return text.slice(0, Math.max(1, Math.floor(length * 0.93)));
}
