/** The architecture as a test: floors, doors, sizes, effects, and documents that tell the truth. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

import { expect, test } from '@jest/globals';

import { commands } from '../src/commands/index.js';
import { SETTINGS } from '../src/settings-table.js';

const ROOT = join(import.meta.dirname, '..');

type Source = {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
  /** Those that are still there when the types are gone. */
  readonly loads: readonly string[];
};

const sources: readonly Source[] = filesBelow('src', '.ts').map((path) => {
  const text = read(path);
  const statements = [...text.matchAll(/^(?:import|export)\s(?:[^;]*?from )?'([^']+)';|\bimport\('([^']+)'\)/gm)];
  const nameOf = ([, from, dynamic]: RegExpMatchArray): string => from ?? dynamic ?? '';
  const loads = statements.filter(([statement]) => !statement.startsWith('import type')).map(nameOf);
  return { path, text, imports: statements.map(nameOf), loads };
});

test('a file imports only from its own floor or those below, and dialects never meet kiro', () => {
  expect(
    sources.flatMap(({ path, imports }) =>
      imports
        .filter((name) => name.startsWith('.'))
        .map((name) => normalize(join(dirname(path), name)))
        .filter((target) => !mayImport(folderOf(path), folderOf(target)))
        .map((target) => `${path} -> ${target}`),
    ),
  ).toEqual([]);
});

test('the core imports nothing but itself', () => {
  const imported = sources.filter(({ path }) => folderOf(path) === 'core').flatMap(({ imports }) => imports);
  expect(imported.filter((name) => !name.startsWith('./'))).toEqual([]);
});

test('dialects load nothing, and kiro only what gives the same for the same', () => {
  const loadedBy = (folder: string) =>
    sources.filter(({ path }) => folderOf(path) === folder).flatMap(({ loads }) => loads);
  expect(loadedBy('dialects').filter((name) => !name.startsWith('.'))).toEqual([]);
  expect(loadedBy('kiro').filter((name) => !name.startsWith('.'))).toEqual(['node:zlib', 'node:crypto']);
});

test('each package has one door', () => {
  const doors = sources.flatMap(({ path, loads }) =>
    loads.filter((name) => !/^(?:\.|node:)/.test(name)).map((name) => `${name} <- ${path}`),
  );
  expect([...new Set(doors)].toSorted()).toEqual([
    '@clack/prompts <- src/terminal/prompts.ts',
    'chalk <- src/terminal/terminal.ts',
    'commander <- src/cli.ts',
    'express <- src/server/app.ts',
    'https-proxy-agent <- src/outbound.ts',
    'keytar <- src/auth/keychain.ts',
    'node-fetch <- src/outbound.ts',
    'socks-proxy-agent <- src/outbound.ts',
    'sql.js <- src/auth/sqlite.ts',
  ]);
});

test('a secret is revealed only where it goes on the wire or into a store', () => {
  expect(pathsWith(/\.reveal\(/)).toEqual([
    'src/auth/credential.ts',
    'src/auth/device-flow.ts',
    'src/auth/refresh.ts',
    'src/auth/store.ts',
    'src/commands/run-target.ts',
    'src/commands/run.ts',
    'src/commands/serve.ts',
    'src/commands/status.ts',
    'src/kiro/client.ts',
    'src/logger.ts',
    'src/outbound.ts',
    'src/server/access.ts',
  ]);
});

test('pure floors know neither clock nor chance nor process', () => {
  const effects =
    /\bDate\.now|\bDate\(\)|\bDate\b(?![.(])|Math\.random|\bprocess\.|\bsetTimeout|\bsetInterval|\bconsole\./;
  const pure = sources.filter(({ path }) => /^src\/(?:core|dialects|kiro)\//.test(path));
  expect(pure.filter(({ text }) => effects.test(withoutComments(text))).map(({ path }) => path)).toEqual([]);
});

test('only bin ends the process', () => {
  expect(pathsWith(/process\.exit\(/)).toEqual([]);
});

test('every source begins by saying what it is for', () => {
  expect(sources.filter(({ text }) => !text.startsWith('/**')).map(({ path }) => path)).toEqual([]);
});

test('no source is longer than 300 lines', () => {
  const isLong = (path: string): boolean => read(path).split('\n').length > 301;
  expect(filesBelow('src', '.ts').filter(isLong)).toEqual([]);
});

test('every setting stands in .env.example and in the README with its default, and nothing else does', () => {
  const rows = Object.values<{ variable: string; default: string | undefined }>(SETTINGS);
  const example = [...read('.env.example').matchAll(/^#?\s?([A-Z_]+)=/gm)].map(([, name]) => name);
  expect(example.toSorted()).toEqual(rows.map(({ variable }) => variable).toSorted());
  const readme = read('README.md').replaceAll(/ +/g, ' ');
  const missing = rows.filter(
    ({ variable, default: value = '–' }) =>
      !readme.includes(`| \`${variable}\` | ${value === '–' ? value : `\`${value}\``} |`),
  );
  expect(missing.map(({ variable }) => variable)).toEqual([]);
});

test('every command stands in the README', () => {
  expect(commands.filter(({ name }) => !read('README.md').includes(`kiro-gateway ${name}`))).toEqual([]);
});

test('every relative link of the documents leads somewhere', () => {
  const documents = ['README.md', 'SECURITY.md', ...filesBelow('docs', '.md')];
  const broken = documents.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, target = '']) => join(dirname(path), target))
      .filter((target) => !exists(target))
      .map((target) => `${path} -> ${target}`),
  );
  expect(broken).toEqual([]);
});

test('the table of clients names the versions that npm run clients installs', () => {
  const { dependencies } = JSON.parse(read('__tests__/clients/package.json')) as { dependencies: object };
  const table = read('docs/clients.md');
  const helpers = ['node', 'zod', '@langchain/core'];
  const named = Object.entries(dependencies).filter(([name]) => !helpers.includes(name));
  expect(named.map((it) => it.join('@')).filter((it) => !table.includes(`\`${it}\``))).toEqual([]);
});

test('no test is skipped or focused', () => {
  const mark = new RegExp(String.raw`\b(?:it|test|describe)\.(?:skip|todo|only)\b`);
  expect(filesBelow('__tests__', '.ts').filter((path) => mark.test(read(path)))).toEqual([]);
});

// --- helpers

/** What each folder may import besides itself; '' is the floor of gateway, context and settings, and of all others beside them. */
function mayImport(from: string, to: string): boolean {
  return from === to || (FLOORS[from]?.includes(to) ?? false);
}

const SHARED = ['core', 'auth', 'kiro', 'dialects'];
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  dialects: ['core'],
  kiro: ['core'],
  auth: ['core', 'kiro'],
  simulator: ['core'],
  terminal: ['core'],
  server: [...SHARED, ''],
  commands: [...SHARED, 'server', 'terminal', ''],
  '': [...SHARED, 'server', 'simulator', 'terminal'],
};

/** The program stands on the floor of its commands: nothing else may import them. */
function folderOf(path: string): string {
  const parts = path.split('/');
  if (path === 'src/cli.ts') return 'commands';
  return parts.length > 2 ? (parts[1] ?? '') : '';
}

function pathsWith(pattern: RegExp): readonly string[] {
  return sources.filter(({ text }) => pattern.test(withoutComments(text))).map(({ path }) => path);
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

function filesBelow(folder: string, ending: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('node_modules'))
    .toSorted();
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function exists(path: string): boolean {
  try {
    return readdirSync(join(ROOT, dirname(path))).includes(path.split('/').at(-1) ?? '');
  } catch {
    return false;
  }
}
