/** What is shipped: the list of the tarball, its packages and their doors, and the files for containers. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import { SETTINGS, type SettingRow } from '../src/settings-table.js';

const ROOT = join(import.meta.dirname, '..');

type Manifest = {
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
};
type Lock = {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly hasInstallScript?: boolean }>>;
};
type Packed = { readonly size: number; readonly files: readonly { readonly path: string }[] };

const manifest = JSON.parse(read('package.json')) as Manifest;

test('npm pack holds what runs and what its README leads to, and nothing else', () => {
  const { size, files } = pack();
  const built = files.map(({ path }) => path).filter((path) => path.startsWith('dist/'));
  const others = files.map(({ path }) => path).filter((path) => !path.startsWith('dist/'));
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(?:md|svg)$/.test(name),
  );
  expect(others.toSorted()).toEqual(
    [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'bin/kiro-gateway.js',
      'package.json',
      ...pages.map((name) => `docs/${name}`),
    ].toSorted(),
  );
  // A checkout that has been built before may hold files whose source is gone; `npm pack` removes those first.
  expect(sourcesAsBuilt().filter((path) => !built.includes(path))).toEqual([]);
  expect(built.filter((path) => !path.endsWith('.js'))).toEqual([]);
  expect(manifest.scripts['prepack']).toContain("rmSync('dist'");
  expect(size).toBeLessThanOrEqual(1_000_000);
});

test('installing runs nothing: no script of ours, and none that a package needs', () => {
  expect(Object.keys(manifest.scripts).filter((name) => /^(?:pre|post)?install$/.test(name))).toEqual([]);
  const lock = JSON.parse(read('package-lock.json')) as Lock;
  const scripted = Object.entries(lock.packages).filter(([, { dev, hasInstallScript }]) => hasInstallScript && !dev);
  // The optional way to the keychain; it brings its binaries along and works without its script.
  expect(scripted.map(([path]) => path).filter((path) => path !== '' && path !== 'node_modules/keytar')).toEqual([]);
});

test('there are at most ten packages, each with its door and its reason in docs/contributing.md', () => {
  const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  expect(names.length).toBeLessThanOrEqual(10);
  const section = /^## Packages\n([\s\S]*?)^## /m.exec(read('docs/contributing.md'))?.[1] ?? '';
  const rows = [...section.matchAll(/^\| `([^`]+)` +\| `([^`]+)` +\| (.+?) +\|$/gm)];
  expect(rows.map(([, name]) => name).toSorted()).toEqual(names.toSorted());
  const wrong = rows.filter(([, name = '', door = '', reason = '']) => {
    return !new RegExp(`(?:from |import\\()'${name}'`).test(read(door)) || reason.length < 10;
  });
  expect(wrong.map(([row]) => row)).toEqual([]);
});

test('runtime packages are pinned', () => {
  const versions = Object.values({ ...manifest.dependencies, ...manifest.optionalDependencies });
  expect(versions.filter((version) => !/^(?:npm:@[\w/-]+@)?\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test('the command is a program, and the README names the Node that it wants', () => {
  const path = join(ROOT, 'bin', 'kiro-gateway.js');
  expect(readFileSync(path, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
  expect(statSync(path).mode & 0o111).toBe(0o111);
  const [, oldest = 'none'] = /^>=(\d+\.\d+)\.0$/.exec(manifest.engines.node) ?? [];
  expect(read('README.md')).toContain(`Node ${oldest} or newer`);
});

test('the container runs as nobody special, without scripts, and knows only variables that are settings', () => {
  const dockerfile = read('Dockerfile');
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  expect(last.match(/^USER .*$/gm)).toEqual(['USER node']);
  expect(last).toMatch(/npm ci --omit=dev --ignore-scripts/);
  expect(last).toMatch(/^HEALTHCHECK .*\\\n\s+CMD \["node", /m);
  const named = [...`${last}\n${read('compose.yaml')}`.matchAll(/\b([A-Z][A-Z]+_[A-Z_]+)\b/g)].map(([name]) => name);
  const settings = Object.values<SettingRow>(SETTINGS).map(({ variable }) => variable);
  expect(named.filter((name) => !settings.includes(name) && name !== 'NODE_ENV')).toEqual([]);
});

function pack(): Packed {
  const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=silent'], {
    cwd: ROOT,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  // An array until npm 10, an object by name after it.
  const [packed] = Object.values(JSON.parse(text) as Readonly<Record<string, Packed>>);
  if (packed === undefined) throw new Error(`npm pack said ${text}`);
  return packed;
}

function sourcesAsBuilt(): readonly string[] {
  const names = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => `dist/${name.replace(/\.ts$/, '.js')}`);
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
