/** The documents tell the truth: what can be taken from the code is, and every command in them is tried or marked. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { format, resolveConfig } from 'prettier';

import { commands } from '../src/commands/index.js';
import { GatewayError, type ErrorKind } from '../src/core/errors.js';
import { writeMessagesError, writeOpenAIError } from '../src/dialects/errors.js';
import { SETTINGS, type SettingRow } from '../src/settings-table.js';
import { callServe } from './support/call.js';
import type { Served } from './support/command.js';
import { temporaryFolder } from './support/folder.js';

const ROOT = join(import.meta.dirname, '..');
const PAGES = ['README.md', 'SECURITY.md', 'CHANGELOG.md', ...pagesIn('docs')];
/** `npm run docs` writes these parts anew; reading the difference is the check. */
const WRITES = process.env['UPDATE_DOCS'] === '1';

// --- what is taken from the code

const GENERATED: Readonly<Record<string, { readonly page: string; readonly make: () => string }>> = {
  settings: { page: 'docs/configuration.md', make: settingsTable },
  flags: { page: 'docs/commands.md', make: flagsTable },
  errors: { page: 'docs/endpoints.md', make: errorsTable },
};

for (const [name, { page, make }] of Object.entries(GENERATED)) {
  test(`${page} holds the ${name} as the code has them`, async () => {
    const text = read(page);
    const between = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*(\n<!-- /${name} -->)`);
    const options = await resolveConfig(join(ROOT, page));
    const written = await format(text.replace(between, `$1\n${make().replaceAll('$', '$$$$')}\n$2`), {
      ...options,
      parser: 'markdown',
    });
    if (WRITES) writeFileSync(join(ROOT, page), written);
    expect(read(page)).toBe(written);
    expect(written).toContain(`<!-- ${name} -->`);
  });
}

function settingsTable(): string {
  const rows = Object.values<SettingRow>(SETTINGS).map(({ variable, flag, kind, default: usual, inFolder, doc }) => [
    `\`${variable}\``,
    flag === undefined ? '–' : `\`${flag}\``,
    usual === undefined ? '–' : `\`${usual}\``,
    IN_FOLDER[inFolder],
    `${doc} It must be ${kind.accepts}.`,
  ]);
  return table(['variable', 'flag', 'default', './.env', 'what it does'], rows);
}

const IN_FOLDER = { accepted: 'yes', announced: 'says so', ignored: 'no' };

/** A flag that several commands share is told once, below those that only one has. */
function flagsTable(): string {
  const users = new Map<string, { readonly names: string[]; readonly cells: readonly string[] }>();
  for (const { name, define } of commands) {
    for (const { flags, description } of define(new Command(name)).options) {
      const key = `${flags}: ${description}`;
      if (!users.has(key)) users.set(key, { names: [], cells: [`\`${flags}\``, description] });
      users.get(key)?.names.push(name);
    }
  }
  const rows = [...users.values()].toSorted(
    (one, other) => Number(one.names.length > 1) - Number(other.names.length > 1),
  );
  return table(
    ['command', 'flag', 'what it does'],
    rows.map(({ names, cells }) => [names.length === commands.length ? 'all' : names.join(', '), ...cells]),
  );
}

function errorsTable(): string {
  const rows = Object.entries(KINDS).map(([kind, what]) => {
    const error = new GatewayError(kind as ErrorKind, '');
    const { status, body } = writeOpenAIError(error, 'r');
    const messages = writeMessagesError(error, 'r');
    const { code } = (body as { error: { code: string | null } }).error;
    const { type } = (messages.body as { error: { type: string } }).error;
    const statuses = [...new Set([status, messages.status])].join(', Anthropic ');
    return [`\`${kind}\``, statuses, code === null ? '–' : `\`${code}\``, `\`${type}\``, what];
  });
  return table(['kind', 'status', 'code', 'type', 'what happened'], rows);
}

/** A new kind does not compile until it is told here. */
const KINDS: Readonly<Record<ErrorKind, string>> = {
  'invalid-request': 'the request is wrong, and the client has to change it',
  unauthorized: 'the gateway key is missing or wrong',
  'not-logged-in': 'no Kiro login is known on this machine',
  'login-expired': 'the Kiro login no longer works',
  forbidden: 'the account, the host or the web page may not do this',
  'model-not-found': 'no such model for this account; the nearest names are told',
  'context-overflow': 'the conversation is longer than the model can read; in words that make clients compact it',
  'rate-limited': 'too many requests for now',
  'quota-exhausted': 'the credits are spent',
  overloaded: 'the model has no free capacity',
  'upstream-unavailable': 'Kiro did not answer, or failed',
  'upstream-protocol': 'Kiro answered with something that is not its protocol',
  cancelled: 'the client left; nobody reads this',
  internal: 'a bug of the gateway',
};

// --- what the documents mention

test('every setting, command, flag and kind of error stands in docs/', () => {
  const text = pagesIn('docs').map(read).join('\n');
  const flags = commands.flatMap(({ name, define }) => define(new Command(name)).options.map(({ long }) => long ?? ''));
  const words = [
    ...Object.values<SettingRow>(SETTINGS).map(({ variable }) => variable),
    ...commands.map(({ name }) => `kiro-gateway ${name}`),
    ...flags,
    ...Object.keys(KINDS),
  ];
  expect(words.filter((word) => !text.includes(word))).toEqual([]);
});

test('every link within the documents leads to a heading that is there', () => {
  const broken = PAGES.flatMap((page) =>
    [...withoutCode(read(page)).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)]
      .map(([, path = '', anchor]) => ({ page, target: path === '' ? page : join(dirname(page), path), anchor }))
      .filter(({ target, anchor }) => !existsSync(join(ROOT, target)) || !hasHeading(target, anchor))
      .map(({ target, anchor }) => `${page} -> ${target}#${anchor ?? ''}`),
  );
  expect(broken).toEqual([]);
});

test('every page of docs/ can be reached from the README', () => {
  expect(pagesIn('docs').filter((page) => !read('README.md').includes(`](${page}`))).toEqual([]);
});

test('every Kiro command in the documents has flags that exist', () => {
  const known = new Map(
    commands.map(({ name, define }) => [
      name,
      define(new Command(name)).options.flatMap(({ long, short }) => [long, short]),
    ]),
  );
  const wrong = blocks.flatMap(({ page, commands: lines }) =>
    lines.flatMap((line) =>
      [...line.matchAll(/\bkiro-gateway(?:\.js)? (\w+)([^|;&]*)/g)].flatMap(([, name = '', rest = '']) => {
        const own = rest.split(/ -- /)[0] ?? '';
        const used = [...own.matchAll(/(?<= )--?[a-z][a-z-]*/g)].map(([flag]) => flag);
        const flags = known.get(name);
        if (flags === undefined) return [`${page}: ${name}`];
        return used
          .filter((flag) => !flags.includes(flag) && flag !== '--help')
          .map((flag) => `${page}: ${name} ${flag}`);
      }),
    ),
  );
  expect(wrong).toEqual([]);
});

test('troubleshooting goes by sentences that the gateway says, of every kind', () => {
  const section = /^## What it says\n([\s\S]*?)^## /m.exec(read('docs/troubleshooting.md'))?.[1] ?? '';
  const rows = [...section.matchAll(/^\| `(.+?)` +\| `([a-z-]+)` +\|/gm)].map(([, said = '', kind = '']) => ({
    said,
    kind,
  }));
  const short = [...read('README.md').matchAll(/^## When something goes wrong\n[\s\S]*?^## /gm)].join('');
  const shown = [
    ...rows.map(({ said }) => said),
    ...[...short.matchAll(/^\| `(.+?)` +\|/gm)].map(([, said = '']) => said),
  ];
  const code = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) =>
      read(join('src', path))
        .replaceAll(/[`'"]\s*\+\s*[`'"]/g, '')
        .replaceAll('\\', ''),
    )
    .join('\n');
  const isSaid = (said: string): boolean =>
    said
      .split('…')
      .map((part) => part.replaceAll('8000', '').replaceAll('127.0.0.1', '').trim())
      .every((part) => part.split(/ {2,}/).every((words) => code.includes(words)));
  expect(shown.filter((said) => !isSaid(said))).toEqual([]);
  expect([...new Set(rows.map(({ kind }) => kind))].toSorted()).toEqual(Object.keys(KINDS).toSorted());
});

// --- every command is tried, or it is said why not

type Block = {
  readonly page: string;
  readonly mark: string;
  readonly commands: readonly string[];
  /** Lines that are shown as what the commands say. */
  readonly shown: readonly string[];
};

const blocks = PAGES.flatMap(readBlocks);
const NEEDS = ['an account', 'docker', 'systemd', 'macos', 'a running client', 'the registry'];

test('every block of commands says whether it is tried', () => {
  const isMarked = ({ mark }: Block): boolean =>
    ['run', 'test', 'tried', 'tried, output varies'].includes(mark) ||
    NEEDS.some((need) => mark === `needs ${need}`) ||
    (mark.startsWith('tried by ') && existsSync(join(ROOT, mark.slice('tried by '.length))));
  const unmarked = blocks.filter((block) => !isMarked(block));
  expect(unmarked.map(({ page, mark, commands: [first] }) => `${page}: ${first} (${mark})`)).toEqual([]);
});

let served: Served;
let folder: string;
beforeAll(async () => {
  served = await callServe(['--demo'], { env: { PROXY_API_KEY: KEY } });
  folder = temporaryFolder();
  mkdirSync(join(folder, 'bin'));
  const command = join(folder, 'bin', 'kiro-gateway');
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'bin', 'kiro-gateway.js')}' "$@"\n`);
  chmodSync(command, 0o755);
});
afterAll(() => served.stop());

const KEY = 'the-key-of-the-documents';

for (const { page, mark, commands: lines, shown } of blocks.filter(
  ({ mark: it }) => it.startsWith('tried') && !it.includes(' by '),
)) {
  test(`${page}: ${lines[0]?.slice(0, 60)}`, async () => {
    const script = lines.join('\n').replaceAll(/127\.0\.0\.1:80[08]0/g, new URL(served.url).host);
    const { code, output } = await inShell(script);
    expect({ script, output, code }).toEqual({ script, output, code: 0 });
    if (mark === 'tried') {
      const said = output.split('\n').map(blurred);
      expect(shown.map(blurred).filter((line) => line !== '…' && !said.some((it) => isLike(it, line)))).toEqual([]);
    }
  });
}

async function inShell(script: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn('bash', ['-eo', 'pipefail', '-c', script], {
    cwd: folder,
    env: {
      PATH: `${join(folder, 'bin')}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
      HOME: folder,
      KIRO_GATEWAY_HOME: join(folder, 'gateway'),
      KEY,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [said, noted] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (noted += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: `${said}\n${noted}` };
}

/** Figures change with every run. */
function blurred(line: string): string {
  return line
    .replaceAll(/\d[\d.,]*/g, '#')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** `…` stands for whatever is there. */
function isLike(said: string, shown: string): boolean {
  const parts = shown.split('…').map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(said);
}

// --- what newcomers bring along

/** Every variable that the Python and the Go gateway read, with a value as their examples have it. */
const THEIRS: Readonly<Record<string, string>> = {
  SERVER_HOST: '0.0.0.0',
  SERVER_PORT: '8000',
  PROXY_API_KEY: '"my-super-secret-password-123"',
  REFRESH_TOKEN: '"your_kiro_refresh_token_here"',
  KIRO_CREDS_FILE: '"~/.aws/sso/cache/kiro-auth-token.json"',
  KIRO_CLI_DB_FILE: '"~/.local/share/kiro-cli/data.sqlite3"',
  SQLITE_READONLY: 'false',
  PROFILE_ARN: '"arn:aws:codewhisperer:us-east-1:123456789012:profile/EXAMPLE"',
  KIRO_REGION: '"us-east-1"',
  KIRO_API_REGION: 'us-east-1',
  VPN_PROXY_URL: 'http://127.0.0.1:7890',
  TOKEN_REFRESH_THRESHOLD: '600',
  MAX_RETRIES: '3',
  BASE_RETRY_DELAY: '1.0',
  FIRST_TOKEN_TIMEOUT: '15',
  FIRST_TOKEN_MAX_RETRIES: '3',
  STREAMING_READ_TIMEOUT: '300',
  MODEL_CACHE_TTL: '3600',
  DEFAULT_MAX_INPUT_TOKENS: '200000',
  FAKE_REASONING: 'true',
  FAKE_REASONING_MAX_TOKENS: '4000',
  FAKE_REASONING_BUDGET_CAP: '10000',
  FAKE_REASONING_HANDLING: 'as_reasoning_content',
  FAKE_REASONING_INITIAL_BUFFER_SIZE: '20',
  TRUNCATION_RECOVERY: 'true',
  TOOL_DESCRIPTION_MAX_LENGTH: '10000',
  KIRO_MAX_PAYLOAD_BYTES: '600000',
  AUTO_TRIM_PAYLOAD: 'false',
  WEB_SEARCH_ENABLED: 'true',
  LOG_LEVEL: '"INFO"',
  DEBUG_MODE: 'off',
  DEBUG_DIR: '"debug_logs"',
  ACCOUNT_SYSTEM: 'false',
  ACCOUNTS_CONFIG_FILE: 'credentials.json',
  ACCOUNTS_STATE_FILE: 'state.json',
  ACCOUNT_RECOVERY_TIMEOUT: '60',
  ACCOUNT_MAX_BACKOFF_MULTIPLIER: '1440.0',
  ACCOUNT_PROBABILISTIC_RETRY_CHANCE: '0.1',
  ACCOUNT_CACHE_TTL: '43200',
  STATE_SAVE_INTERVAL_SECONDS: '10',
};

test('the README says of every variable of the Python and the Go gateway what it does here', () => {
  const [, section = ''] = /^## Coming from the Go or Python gateway\n([\s\S]*?)^## /m.exec(read('README.md')) ?? [];
  expect(Object.keys(THEIRS).filter((name) => !section.includes(`\`${name}\``))).toEqual([]);
});

test('a .env of theirs runs unchanged in its folder, and named with a key that is no example', async () => {
  const lines = Object.entries(THEIRS).map(([name, value]) => `${name}=${value}\n`);
  const theirs = temporaryFolder();
  writeFileSync(join(theirs, '.env'), lines.join(''));
  const inFolder = await callServe(['--demo'], { workingDirectory: theirs });
  const said = inFolder.output.stderr.replaceAll(/^\S+ /gm, '').replaceAll(theirs, '');
  expect(new URL(inFolder.url).hostname).toBe('127.0.0.1');
  expect(said).toContain('/.env may not set SERVER_HOST;');
  expect(said).not.toMatch(/ERROR|must be/);
  const own = lines.join('').replace('my-super-secret-password-123', `${KEY}-with-length`);
  writeFileSync(join(theirs, 'own.env'), own);
  const named = await callServe(['--demo', '--env-file', join(theirs, 'own.env')]);
  const { status } = await fetch(`http://127.0.0.1:${new URL(named.url).port}/v1/models`, {
    headers: { 'x-api-key': `${KEY}-with-length` },
  });
  expect(status).toBe(200);
  expect(await Promise.all([inFolder.stop(), named.stop()])).toEqual([0, 0]);
});

// --- helpers

/** Blocks with commands, each with the comment above it. */
function readBlocks(page: string): readonly Block[] {
  const found = read(page).matchAll(/(?:<!-- ([^>]*) -->\n+)?^```(sh|console)\n([\s\S]*?)^```$/gm);
  return [...found].map(([, mark = '', language, text = '']) => {
    const lines = text
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .filter((line) => line.trim() !== '');
    if (language === 'sh') return { page, mark, commands: lines, shown: [] };
    const typed = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
    return { page, mark, commands: typed, shown: lines.filter((line) => !line.startsWith('$ ')) };
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** As GitHub names headings: lower case, without punctuation, dashes for spaces. */
function hasHeading(page: string, anchor: string | undefined): boolean {
  if (anchor === undefined) return true;
  const headings = [...withoutCode(read(page)).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title);
  return headings.some(
    (title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-') === anchor,
  );
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

function pagesIn(name: string): readonly string[] {
  return readdirSync(join(ROOT, name))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `${name}/${file}`);
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
