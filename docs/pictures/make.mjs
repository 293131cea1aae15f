/** Makes the pictures of this folder from real runs of the built command in a pseudo-terminal: `npm run pictures`. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const BIN = join(ROOT, 'bin', 'kiro-gateway.js');
const KEY = 'kgw-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const PORT = 8000;
const UP = '\u001b[A';
const DOWN = '\u001b[B';

/** `steps`: texts to wait for, and keys to press then. `beside` runs along with it. */
const PICTURES = [
  {
    name: 'login',
    args: ['login', '--demo'],
    steps: [
      ['Which Kiro login should be used?', [DOWN, UP, DOWN, '\r']],
      ['Use it with this login?', ['\r']],
    ],
  },
  {
    name: 'serve',
    args: ['serve', '--demo'],
    beside: askServer,
    steps: [['  2s  answering', ['\u0003']]],
    isCut: true,
  },
  { name: 'chat', args: ['chat', '--demo=reasoning-signed', '--thinking', 'Which fox is it?'] },
  { name: 'models', args: ['models', '--demo'], columns: 110 },
  { name: 'usage', args: ['usage', '--demo'] },
  { name: 'doctor', args: ['doctor', '--demo'], isThere: has('doctor') },
];

/** What the terminal was sent; with `isCut`, until the last key was pressed. */
async function filmed({ args, steps = [], columns = 100, beside, isCut = false }) {
  const home = mkdtempSync(join(tmpdir(), 'kiro-gateway-picture-'));
  mkdirSync(join(home, 'gateway', 'config'), { recursive: true, mode: 0o700 });
  writeFileSync(join(home, 'gateway', 'config', 'gateway-key'), KEY, { mode: 0o600 });
  const env = { PATH: process.env['PATH'], HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway'), TERM: 'xterm' };
  const plan = { command: [process.execPath, BIN, ...args], env, steps, columns };
  const child = spawn('python3', [join(ROOT, '__tests__', 'support', 'terminal.py'), JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (chunk) => (told += chunk));
  const closed = once(child, 'close');
  await beside?.();
  await closed;
  rmSync(home, { recursive: true });
  // Where this clone lies is nobody's business.
  const { raw, marks, left } = JSON.parse(told.replaceAll(ROOT, '~/kiro-gateway'));
  if (left > 0) throw new Error(`${args.join(' ')} never showed ${steps.at(-left)[0]}: ${raw}`);
  // The script counts characters, not units of UTF-16.
  return { columns, raw: isCut ? [...raw].slice(0, marks.at(-1)).join('') : raw };
}

/** Clients of every kind; the last are still waiting when the picture is taken. */
async function askServer() {
  const url = `http://127.0.0.1:${PORT}/v1`;
  while (!(await isOpen())) await pause(50);
  // The start block comes first.
  await pause(500);
  const ask = async (route, model, words, isStreamed = true, key = KEY) => {
    const said = route === 'responses' ? { input: words } : { messages: [{ role: 'user', content: words }] };
    const response = await fetch(`${url}/${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ model, stream: isStreamed, ...(route === 'messages' && { max_tokens: 1000 }), ...said }),
    });
    await response.text();
  };
  await fetch(`${url}/models`, { headers: { 'x-api-key': KEY } });
  await ask('messages', 'claude-sonnet-4.5', '2+2?');
  await ask('chat/completions', 'auto', 'Say hello [[scenario:tool-call]]');
  await ask('responses', 'gpt-5.6-terra', 'Think about it [[scenario:reasoning-signed]]');
  await ask('messages', 'claude-opus-5', 'hi', true, 'wrong');
  await ask('messages', 'claude-haiku-4.5', 'And now? [[scenario:quota]]', false);
  await ask('chat/completions', 'claude-sonnet-5', 'Once more', false);
  for (const model of ['claude-opus-5', 'claude-sonnet-4.5']) {
    ask('messages', model, 'Go on [[scenario:stall]]').catch(() => undefined);
    await pause(300);
  }
}

function has(command) {
  return spawnSync(process.execPath, [BIN, command, '--help']).status === 0;
}

function isOpen() {
  return new Promise((resolve) => {
    const socket = connect(PORT, '127.0.0.1', () => resolve(socket.end() !== undefined));
    socket.once('error', () => resolve(false));
  });
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function quoted(word) {
  return /^[\w=.-]+$/.test(word) ? word : `"${word}"`;
}

// --- from what a terminal is sent to a picture

/** The state of the screen at the end, with nothing scrolled away. */
function screenOf(raw, columns) {
  const rows = [[]];
  let [row, column, style] = [0, 0, {}];
  const moves = {
    A: (count) => (row = Math.max(0, row - count)),
    B: (count) => (row += count),
    C: (count) => (column += count),
    D: (count) => (column = Math.max(0, column - count)),
    E: (count) => ([row, column] = [row + count, 0]),
    F: (count) => ([row, column] = [Math.max(0, row - count), 0]),
    G: (count) => (column = count - 1),
  };
  for (const [whole, parameters = '', final, text] of raw.matchAll(TOKENS)) {
    const count = Number(parameters || 1);
    if (text === '\n') row++;
    else if (text === '\r') column = 0;
    else if (text !== undefined) {
      if (column === columns) [row, column] = [row + 1, 0];
      while (rows.length <= row) rows.push([]);
      rows[row][column++] = { text, style };
    } else if (final === 'm') style = parameters.split(';').reduce(restyled, style);
    else if (final === 'K') (rows[row] ?? []).length = Math.min(column, (rows[row] ?? []).length);
    else if (final === 'J') {
      rows.length = Math.min(rows.length, row + 1);
      (rows[row] ?? []).length = Math.min(column, (rows[row] ?? []).length);
    } else if (final in moves) moves[final](count);
    else if (!/[hl]/.test(final)) throw new Error(`What is ${JSON.stringify(whole)}?`);
  }
  while (rows.length > 0 && rows.at(-1).every((cell) => cell === undefined || cell.text === ' ')) rows.pop();
  return rows;
}

// oxlint-disable-next-line no-control-regex -- These are the characters that are meant.
const TOKENS = /(?:\u001b\[\??([\d;]*)([A-Za-z])|([^\u001b]))/gu;

function restyled(style, code) {
  const number = Number(code || 0);
  if (number === 0) return {};
  if (number === 1) return { ...style, isBold: true };
  if (number === 2) return { ...style, isDim: true };
  if (number === 9) return { ...style, isStruck: true };
  if (number === 22) return { ...style, isBold: false, isDim: false };
  if (number === 29) return { ...style, isStruck: false };
  if (number === 39) return { ...style, colour: undefined };
  const colour = COLOURS[number >= 90 ? number - 90 : number - 30];
  return colour === undefined ? style : { ...style, colour };
}

function draw(command, { raw, columns }) {
  const rows = [[...command].map((text) => ({ text, style: { isBold: true } })), ...screenOf(raw, columns)];
  const width = Math.ceil(Math.max(...rows.map((row) => row.length)) * CELL.width + 2 * MARGIN);
  const height = rows.length * CELL.height + 2 * MARGIN;
  const lines = rows.flatMap((row, at) => runsOf(row).map((run) => drawRun(run, at)));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title>${escaped(command)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#16181d"/>`,
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" fill="#d7dae0" xml:space="preserve">`,
    ...lines,
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

/** Neighbours that look alike; what is empty is left out. */
function runsOf(row) {
  const runs = [];
  for (const [column, cell] of row.entries()) {
    if (cell === undefined) continue;
    const last = runs.at(-1);
    const look = JSON.stringify(cell.style);
    if (last !== undefined && last.look === look && last.column + last.length === column) {
      last.text += cell.text;
      last.length++;
    } else runs.push({ column, length: 1, text: cell.text, style: cell.style, look });
  }
  return runs.filter(({ text }) => text.trim() !== '');
}

/** The width is said, so that columns stand under each other in every font. */
function drawRun({ column, length, text, style }, row) {
  const attributes = {
    x: MARGIN + column * CELL.width,
    y: MARGIN + row * CELL.height + 14,
    textLength: length * CELL.width,
    ...(style.colour !== undefined && { fill: style.colour }),
    ...(style.isBold === true && { 'font-weight': 'bold' }),
    ...(style.isDim === true && { opacity: 0.6 }),
    ...(style.isStruck === true && { 'text-decoration': 'line-through' }),
  };
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${rounded(value)}"`);
  return `<text${written.join('')}>${escaped(text)}</text>`;
}

function rounded(value) {
  return typeof value === 'number' ? Number(value.toFixed(1)) : value;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

const CELL = { width: 8.4, height: 19 };
const MARGIN = 16;
const COLOURS = ['#5c6370', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d7dae0'];

for (const picture of PICTURES) {
  if (picture.isThere === false) continue;
  const path = join(import.meta.dirname, `${picture.name}.svg`);
  writeFileSync(path, draw(`$ kiro-gateway ${picture.args.map(quoted).join(' ')}`, await filmed(picture)));
  process.stdout.write(`${path}\n`);
}
