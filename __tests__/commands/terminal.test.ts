/** `chat`, `models` and `usage` in a pseudo-terminal: questions, colours, Ctrl-C, and nothing that commands the screen. */

import { expect, test } from '@jest/globals';

import { startSimulator } from '../../src/simulator/server.js';
import { loginAt } from '../support/stored-login.js';
import { runInTerminal } from '../support/terminal.js';

test('chat without a prompt asks for one and answers it', async () => {
  const { code, screen } = await runInTerminal(['chat', '--demo'], {
    steps: [['What do you want to ask?', ['2', '+', '2', '?', '\r']]],
  });
  expect({ code, answer: screen.includes('2+2 = 4.') }).toEqual({ code: 0, answer: true });
});

test.each([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s at the question exits 130', async (_, key) => {
  const { code, screen } = await runInTerminal(['chat', '--demo'], {
    steps: [['What do you want to ask?', [key]]],
  });
  expect({ code, last: screen.trimEnd().split('\n').at(-1) }).toEqual({ code: 130, last: 'Stopped.' });
});

test('Ctrl-C in the middle of an answer keeps what was said and exits 130', async () => {
  const { code, screen } = await runInTerminal(['chat', '--demo=stall', 'hi'], {
    steps: [['These words', ['\u0003']]],
  });
  expect({ code, last: screen.trimEnd().split('\n').at(-1) }).toEqual({ code: 130, last: 'Stopped.' });
  expect(screen).toContain('These words');
});

test('the reasoning is dimmed on a terminal and the answer is not; NO_COLOR is honoured', async () => {
  const args = ['chat', '--demo=reasoning-signed', '--thinking', 'hi'];
  const shown = [runInTerminal(args), runInTerminal(args, { env: { NO_COLOR: '1' } })] as const;
  const [coloured, plain] = await Promise.all(shown);
  expect(coloured.raw.slice(0, 9)).toBe('\u001b[2mFirst');
  expect(coloured.raw.slice(coloured.raw.indexOf('The quick'))).not.toContain('\u001b');
  expect(plain.raw).not.toContain('\u001b');
  expect(plain.screen).toBe(coloured.screen);
});

test('control characters of an answer do not reach the terminal', async () => {
  const simulator = await startSimulator({ pace: 'none' });
  const content = 'red \u001b[31mhere\u001b]0;title\u0007\u009b2J there\n';
  simulator.enqueue({ frames: [{ event: 'assistantResponseEvent', payload: { content } }] });
  const { code, raw } = await runInTerminal(['chat', 'hi'], { env: loginAt(simulator.url) });
  await simulator.close();
  expect({ code, raw }).toEqual({ code: 0, raw: 'red [31mhere]0;title2J there\r\n' });
});

test.each([
  [120, '  MODEL              NAME               CONTEXT  OUTPUT  CREDITS  INPUTS       EFFORTS'],
  [100, '  MODEL              CONTEXT  OUTPUT  CREDITS  INPUTS       EFFORTS'],
  [80, '  MODEL              CONTEXT  OUTPUT  CREDITS  EFFORTS'],
  [60, '  MODEL              CONTEXT  OUTPUT  CREDITS'],
  [40, '  MODEL              CONTEXT  CREDITS'],
])('on %d columns models shows what they have room for, and no line wraps', async (columns, head) => {
  const lines = (await runInTerminal(['models', '--demo'], { columns })).screen.trimEnd().split('\n');
  expect(lines[0]).toBe(head);
  expect(lines.filter((line) => line.length > columns)).toEqual([]);
});

test('models and usage are coloured on a terminal, and say the same there as in a pipe', async () => {
  const shown = [runInTerminal(['models', '--demo']), runInTerminal(['usage', '--demo'])] as const;
  const [models, usage] = await Promise.all(shown);
  expect([models.code, usage.code]).toEqual([0, 0]);
  expect(models.raw).toContain('\u001b[1m* auto');
  expect(usage.raw).toContain('\u001b[32m███████░');
  expect(usage.screen.split('\n')[0]).toBe('plan     KIRO PRO');
});
