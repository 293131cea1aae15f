/** What the real context does to a process: its timers, when it stands still; the programs it runs, when it may end. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { createContext } from '../src/context.js';
import { listenForTest } from './support/upstream.js';

test('what came while the process stood still is heard before a timer rings', async () => {
  const server = createServer();
  const [host, port] = (await listenForTest(server)).split(':');
  const reader = connect(Number(port), host);
  // The cast is the one thing that a server says of a connection.
  const [writer] = (await once(server, 'connection')) as [Socket];
  const heard: string[] = [];
  const timer = createContext().startTimer(20, () => heard.push('rung'));
  reader.once('data', () => {
    heard.push('data');
    timer.refresh();
  });
  writer.write('x');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
  await once(reader, 'data');
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual(['data']);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(heard).toEqual(['data', 'rung']);
});

test('a program that is not there does not keep the process until its limit of eleven days', async () => {
  const context = new URL('../dist/context.js', import.meta.url).href;
  const code = `
    import { createContext } from '${context}';
    console.log(await createContext().runProgram('no-such-program', [], 1e9));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = child.stdout.toArray();
  const [status] = (await once(child, 'close')) as [number | null];
  expect([status, String(Buffer.concat(await said))]).toEqual([0, 'false\n']);
});
