/** What `chat` asks Kiro: prompt, pipe, files, system text and effort, seen from the upstream. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { type Simulator, startSimulator } from '../../src/simulator/server.js';
import { call } from '../support/call.js';
import type { Ended } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';
import { loginAt } from '../support/stored-login.js';

let simulator: Simulator;
let folder: string;

beforeEach(async () => {
  simulator = await startSimulator({ pace: 'none' });
  folder = temporaryFolder();
});

afterEach(() => simulator.close());

function chat(args: readonly string[], input?: string | Uint8Array): Promise<Ended> {
  return call(['chat', ...args], {
    env: loginAt(simulator.url),
    workingDirectory: folder,
    ...(input !== undefined && { input }),
  });
}

/** What Kiro was asked last. */
function asked(): Record<string, unknown> {
  const body = simulator.requests.findLast(({ path }) => path === '/generateAssistantResponse')?.body;
  return body as Record<string, unknown>;
}

/** The current message of what Kiro was asked last. */
function message(): Record<string, unknown> {
  const { conversationState } = asked() as {
    conversationState: { currentMessage: { userInputMessage: Record<string, unknown> } };
  };
  return conversationState.currentMessage.userInputMessage;
}

function contentTail(): string {
  return String(message()['content']);
}

const prompts: readonly (readonly [string, readonly string[], string, string])[] = [
  ['of the arguments', ['one', 'two'], '', 'one two'],
  ['of the pipe', [], ' piped\nlines \n', 'piped\nlines'],
  ['of both, the arguments first', ['review this'], 'piped\n', 'review this\n\npiped'],
];

for (const [what, args, input, content] of prompts) {
  test(`the prompt is that ${what}`, async () => {
    expect((await chat(args, input)).code).toBe(0);
    expect(contentTail()).toBe(content);
  });
}

test('a pipe that nobody writes to and nobody closes does not hold up a prompt', async () => {
  const bin = join(import.meta.dirname, '..', '..', 'bin', 'kiro-gateway.js');
  const child = spawn(process.execPath, [bin, 'chat', 'hi'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, KIRO_GATEWAY_HOME: folder, ...loginAt(simulator.url) },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  child.stdin.destroy();
  expect({ code, content: contentTail() }).toEqual({ code: 0, content: 'hi' });
});

test('text files stand under their names after the prompt, images and documents travel as such', async () => {
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src', 'a.ts'), 'let a = 1;\n');
  writeFileSync(join(folder, 'utf16.txt'), Buffer.from('\uFEFFhello', 'utf16le'));
  writeFileSync(join(folder, 'picture'), PNG);
  writeFileSync(join(folder, 'table.csv'), Buffer.from('gr\u00fcn;1', 'latin1'));
  writeFileSync(join(folder, 'paper.pdf'), '%PDF-1.7\n');
  const files = ['src/a.ts', 'utf16.txt', 'picture', 'table.csv', 'paper.pdf'].flatMap((path) => ['-f', path]);
  const { code, stderr } = await chat(['look', ...files]);
  expect({ code, stderr, content: contentTail() }).toEqual({
    code: 0,
    stderr: '',
    content: 'look\n\n<file name="src/a.ts">\nlet a = 1;\n</file>\n\n<file name="utf16.txt">\nhello\n</file>',
  });
  expect([message()['images'], message()['documents']]).toEqual([
    [{ format: 'png', source: { bytes: PNG.toString('base64') } }],
    [
      { name: 'table-csv', format: 'csv', source: { bytes: Buffer.from('gr\u00fcn;1', 'latin1').toString('base64') } },
      { name: 'paper-pdf', format: 'pdf', source: { bytes: Buffer.from('%PDF-1.7\n').toString('base64') } },
    ],
  ]);
});

test('an image in the pipe goes along with the prompt', async () => {
  expect((await chat(['what is this?'], PNG)).code).toBe(0);
  expect([contentTail(), message()['images']]).toEqual([
    'what is this?',
    [{ format: 'png', source: { bytes: PNG.toString('base64') } }],
  ]);
});

test('a model that sees no images answers without, and chat says so', async () => {
  writeFileSync(join(folder, 'picture.png'), PNG);
  const { code, stderr } = await chat(['-m', 'glm-5', '-f', 'picture.png', 'look']);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'This model cannot take the image or document; it answers without.\n',
  });
});

const refused: readonly (readonly [string, Uint8Array | undefined, string])[] = [
  ['missing.txt', undefined, 'missing.txt does not exist.\n'],
  [
    'program.bin',
    Buffer.from('\u007fELF\0\0', 'latin1'),
    'program.bin is neither text nor an image or a document that Kiro takes (png, jpeg, gif, webp, pdf, csv, doc, docx, xls, xlsx, html, txt, md).\n',
  ],
  ['large.txt', Buffer.alloc(20_000_001, 'a'), 'large.txt is too large; a file may have 20 MB.\n'],
  [
    'large.pdf',
    Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(4_500_000)]),
    'large.pdf is too large; Kiro takes documents of at most 4.5 MB.\n',
  ],
];

for (const [name, content, stderr] of refused) {
  test(`the file ${name} is refused in one sentence before anybody is asked`, async () => {
    if (content !== undefined) writeFileSync(join(folder, name), content);
    expect(await chat(['hi', '-f', name])).toEqual({ code: 2, stdout: '', stderr });
    expect(simulator.requests).toEqual([]);
  });
}

test('a device without an end is too large as well', async () => {
  const stderr = '/dev/zero is too large; a file may have 20 MB.\n';
  expect(await chat(['hi', '-f', '/dev/zero'])).toEqual({ code: 2, stdout: '', stderr });
});

for (const [where, named, input] of [
  ['among the files', 6, undefined],
  ['with the piped one', 5, '%PDF-1.7\n'],
] as const) {
  test(`six documents are too many, ${where}`, async () => {
    writeFileSync(join(folder, 'a.pdf'), '%PDF-1.7\n');
    const files = Array.from({ length: named }, () => ['-f', 'a.pdf']).flat();
    expect(await chat(['hi', ...files], input)).toEqual({
      code: 2,
      stdout: '',
      stderr: '6 documents are too many; one question takes 5.\n',
    });
  });
}

test('the system text, the effort and the wish to think travel, and no tools do', async () => {
  expect((await chat(['-s', 'Be brief.', '-m', 'claude-sonnet-5', '--effort', 'xhigh', '--thinking', 'hi'])).code).toBe(
    0,
  );
  expect([asked()['additionalModelRequestFields'], message()['modelId']]).toEqual([
    { output_config: { effort: 'xhigh' }, thinking: { type: 'adaptive', display: 'summarized' } },
    'claude-sonnet-5',
  ]);
  expect(JSON.stringify(asked())).toContain('Be brief.');
  expect(JSON.stringify(asked())).not.toContain('toolSpecification');
});

test('a blank prompt in a pipe is a usage error, and Kiro is not asked', async () => {
  expect(await chat([], ' \n')).toEqual({
    code: 2,
    stdout: '',
    stderr: 'There is no prompt. Ask with `kiro-gateway chat "your question"`, or pipe it in.\n',
  });
  expect(simulator.requests).toEqual([]);
});

/** The smallest whole picture: one pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
