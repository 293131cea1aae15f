/** `run` as a process: fake clients on the PATH, what they are given, how they end, and what is printed in their place. */

import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import { call, callServe } from '../support/call.js';
import { run, start } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';
import { runInTerminal } from '../support/terminal.js';

/** A folder with a program of this name, which is a script for node. */
function fakeClient(name: string, script: string): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, name), `#!${process.execPath}\n${script}`);
  chmodSync(join(folder, name), 0o755);
  return folder;
}

/** Writes down what it was given, beside itself. */
const TELL = `
const names = /^(?:ANTHROPIC|OPENAI|OPENCODE|AIDER|KIRO_GATEWAY_KEY|CLAUDE|NO_PROXY)/;
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => names.test(name)));
require('node:fs').writeFileSync(__filename + '.json', JSON.stringify({ args: process.argv.slice(2), env }));`;

/** What a client was given; its port and key, which differ from run to run, by their names. */
async function given(client: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const folder = fakeClient(client, TELL);
  const { code, stderr } = await call(['run', client, '--demo', ...args], { env: { PATH: folder, ...env } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'SIMULATOR: answers are made up, no Kiro account is used.\n' });
  const told = readFileSync(join(folder, `${client}.json`), 'utf8')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
    .replaceAll(/kgw-[\w-]{43}/g, 'KEY');
  const { KIRO_GATEWAY_HOME: _, ...rest } = (JSON.parse(told) as { env: Record<string, string> }).env;
  return { args: (JSON.parse(told) as { args: string[] }).args, env: rest };
}

test('Claude Code gets the newest model of each family, and nothing that leads it elsewhere', async () => {
  const env = { ANTHROPIC_API_KEY: 'mine', CLAUDE_CODE_USE_FOUNDRY: '1', NO_PROXY: 'my.box' };
  expect(await given('claude', ['--', '-p', 'two words'], env)).toEqual({
    args: ['-p', 'two words'],
    env: {
      ANTHROPIC_BASE_URL: 'http://HOST',
      ANTHROPIC_AUTH_TOKEN: 'KEY',
      ANTHROPIC_MODEL: 'claude-sonnet-5',
      ANTHROPIC_DEFAULT_OPUS_MODEL: 'claude-opus-5',
      ANTHROPIC_DEFAULT_SONNET_MODEL: 'claude-sonnet-5',
      ANTHROPIC_DEFAULT_HAIKU_MODEL: 'claude-haiku-4.5',
      NO_PROXY: 'my.box,127.0.0.1',
    },
  });
});

test('Claude Code is told the window of a model that it does not know', async () => {
  const windowOf = async (model: string) =>
    (await given('claude', ['-m', model])).env['CLAUDE_CODE_MAX_CONTEXT_TOKENS'];
  expect(await Promise.all(['gpt-5.6-sol', 'glm-5', 'claude-opus-5'].map(windowOf))).toEqual([
    '272000',
    '200000',
    undefined,
  ]);
});

test('Codex gets its provider by arguments in front of the own ones, and the key by the environment', async () => {
  expect(await given('codex', ['-m', 'gpt-5.6-sol', '--', 'exec', 'hi'])).toEqual({
    args: [
      '-c',
      'model_provider="kiro-run"',
      '-c',
      'model="gpt-5.6-sol"',
      '-c',
      'model_context_window=272000',
      '-c',
      'model_providers.kiro-run={name="Kiro",base_url="http://HOST/v1",env_key="KIRO_GATEWAY_KEY",wire_api="responses"}',
      'exec',
      'hi',
    ],
    env: { KIRO_GATEWAY_KEY: 'KEY', NO_PROXY: '127.0.0.1' },
  });
});

test('opencode gets all models in a configuration of its own', async () => {
  const { args, env } = await given('opencode', ['--', 'run', 'hi']);
  const { provider, ...models } = JSON.parse(env['OPENCODE_CONFIG_CONTENT'] ?? '') as {
    provider: { kiro: { options: object; models: Record<string, object> } };
  };
  expect(args).toEqual(['run', 'hi']);
  expect(models).toEqual({ model: 'kiro/claude-sonnet-5', small_model: 'kiro/claude-haiku-4.5' });
  expect(provider.kiro.options).toEqual({ baseURL: 'http://HOST/v1', apiKey: '{env:KIRO_GATEWAY_KEY}' });
  expect(Object.keys(provider.kiro.models)).toHaveLength(20);
  expect(provider.kiro.models['glm-5']).toEqual({
    name: 'Glm 5',
    attachment: false,
    modalities: { input: ['text'], output: ['text'] },
    limit: { context: 200000, output: 64000 },
  });
  expect(provider.kiro.models['claude-opus-4.6']).toEqual({
    name: 'Claude Opus 4.6',
    attachment: true,
    modalities: { input: ['text', 'image'], output: ['text'] },
    limit: { context: 1000000, output: 64000 },
    variants: {
      low: { reasoningEffort: 'low' },
      medium: { reasoningEffort: 'medium' },
      high: { reasoningEffort: 'high' },
      max: { reasoningEffort: 'max' },
    },
  });
  expect(env['KIRO_GATEWAY_KEY']).toBe('KEY');
});

test('a model that the account does not list is offered all the same, and one that is also the small one once', async () => {
  const { env } = await given('opencode', ['-m', 'brand-new']);
  const settings = JSON.parse(env['OPENCODE_CONFIG_CONTENT'] ?? '') as { provider: { kiro: { models: object } } };
  expect(Object.keys(settings.provider.kiro.models).slice(0, 2)).toEqual(['brand-new', 'auto']);
  const { stdout } = await call(['run', 'continue', '--print', '--demo', '-m', 'brand-new']);
  expect(stdout.match(/^    model: .*$/gm)).toEqual(['    model: "brand-new"']);
});

test('Qwen Code and aider get theirs; a small model is of the same maker', async () => {
  expect(await given('qwen')).toEqual({
    args: ['--auth-type', 'openai'],
    env: {
      OPENAI_BASE_URL: 'http://HOST/v1',
      OPENAI_API_KEY: 'KEY',
      OPENAI_MODEL: 'claude-sonnet-5',
      NO_PROXY: '127.0.0.1',
    },
  });
  expect(await given('aider', ['-m', 'glm-5'])).toEqual({
    args: [],
    env: {
      OPENAI_API_BASE: 'http://HOST/v1',
      OPENAI_API_KEY: 'KEY',
      AIDER_MODEL: 'openai/glm-5',
      AIDER_WEAK_MODEL: 'openai/glm-5',
      AIDER_SHOW_MODEL_WARNINGS: 'false',
      NO_PROXY: '127.0.0.1',
    },
  });
});

test('the client reaches the gateway, nobody else does, the log goes to a file, and the exit code is its own', async () => {
  const script = `
const { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: key } = process.env;
const ask = (token) => fetch(url + '/v1/models', { headers: { authorization: 'Bearer ' + token } });
Promise.all([ask(key), ask('wrong')]).then(([mine, other]) => {
  console.log(mine.status, other.status);
  process.exit(7);
});`;
  const home = temporaryFolder();
  const { code, stdout, stderr } = await run(['run', 'claude', '--demo'], {
    env: { PATH: fakeClient('claude', script), KIRO_GATEWAY_HOME: home },
  });
  const log = join(home, 'state', 'run.log');
  expect({ code, stdout, stderr }).toEqual({
    code: 7,
    stdout: '200 401\n',
    stderr: `SIMULATOR: answers are made up, no Kiro account is used.\nRequests of Claude Code have failed; ${log} tells why.\n`,
  });
  expect(readFileSync(log, 'utf8')).toMatch(/GET \/v1\/models 200 .*\n.*GET \/v1\/models .*401/);
  expect(readFileSync(log, 'utf8')).not.toMatch(/kgw-/);
});

test.each([
  ['SIGINT', 'process.exit(5)', 5],
  ['SIGTERM', 'process.exit(6)', 6],
  ['SIGTERM', 'process.kill(process.pid, "SIGKILL")', 137],
] as const)('%s is for the client: %s ends us with %i', async (signal, deed, expected) => {
  const script = `process.on('${signal}', () => { ${deed}; }); setInterval(() => {}, 1000); console.log('ready');`;
  const { child, output } = start(['run', 'claude', '--demo'], { env: { PATH: fakeClient('claude', script) } });
  while (!output.stdout.includes('ready')) await once(child.stdout, 'data');
  child.kill(signal);
  expect(await once(child, 'close')).toEqual([expected, null]);
});

test('a client that does not listen to SIGTERM is ended by the second one', async () => {
  const script = `process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1000); console.log('ready');`;
  const { child, output } = start(['run', 'claude', '--demo'], { env: { PATH: fakeClient('claude', script) } });
  for (const word of ['ready', 'no']) {
    while (!output.stdout.includes(word)) await once(child.stdout, 'data');
    child.kill('SIGTERM');
  }
  expect(await once(child, 'close')).toEqual([137, null]);
  expect(output.stdout).toBe('ready\nno\n');
});

const refusals: readonly (readonly [string, readonly string[], number, string])[] = [
  [
    'a client that is not installed',
    ['run', 'codex', '--demo'],
    1,
    'Codex is not installed: there is no codex on the PATH. Install it: npm install -g @openai/codex\n',
  ],
  [
    'an unknown client',
    ['run', 'emacs'],
    2,
    'There is no client "emacs"; choose one of claude, codex, opencode, qwen, aider, cline, continue, zed, vscode, cursor.\n',
  ],
  [
    'one that is not started',
    ['run', 'zed'],
    2,
    'Zed is not started from here; `kiro-gateway run zed --print` says what to do.\n',
  ],
  [
    'arguments for nobody',
    ['run', 'claude', '--print', '--', '-p'],
    2,
    '--print starts nothing that "-p" could be passed to.\n',
  ],
  ['--yes alone', ['run', 'claude', '--yes'], 2, '--yes only answers what --save asks; add --save.\n'],
  [
    'settings that are not kept',
    ['run', 'qwen', '--save'],
    2,
    '--save is for codex and opencode; `kiro-gateway run qwen --print` shows what to set.\n',
  ],
];

test.each(refusals)('%s', async (_, args, code, stderr) => {
  expect(await call(args, { env: { PATH: temporaryFolder() } })).toEqual({ code, stdout: '', stderr });
});

test('a client that the system does not start, here for a list of models that is too long, is told with the reason', async () => {
  const models = Array.from({ length: 2000 }, (_, at) => ({ modelId: `model-${at}` }));
  const kiro = createServer((_, response) => response.end(JSON.stringify({ models }))).listen(0, '127.0.0.1');
  await once(kiro, 'listening');
  const folder = fakeClient('opencode', TELL);
  const url = `http://127.0.0.1:${(kiro.address() as AddressInfo).port}`;
  const ended = await call(['run', 'opencode'], {
    env: { PATH: folder, KIRO_API_KEY: 'ksk_0123456789abcdef', KIRO_API_URL: url },
  });
  kiro.close();
  expect(ended).toEqual({
    code: 1,
    stdout: '',
    stderr: `opencode could not be started from ${join(folder, 'opencode')} (E2BIG); install it anew.\n`,
  });
});

test('without a login it says so', async () => {
  const ended = await call(['run', 'claude'], { env: { PATH: fakeClient('claude', TELL) } });
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 4, stdout: '' });
});

const HOME = '/no/such home';
const printed: Readonly<Record<string, string>> = {
  claude: `export ANTHROPIC_BASE_URL=http://127.0.0.1:8123
export ANTHROPIC_AUTH_TOKEN="$(cat '/no/such home/config/gateway-key')"
export ANTHROPIC_MODEL=claude-sonnet-4.5
export ANTHROPIC_DEFAULT_OPUS_MODEL=claude-opus-4.5
export ANTHROPIC_DEFAULT_SONNET_MODEL=claude-sonnet-4.5
export ANTHROPIC_DEFAULT_HAIKU_MODEL=claude-haiku-4.5
unset ANTHROPIC_API_KEY ANTHROPIC_SMALL_FAST_MODEL CLAUDE_CODE_USE_BEDROCK CLAUDE_CODE_USE_VERTEX CLAUDE_CODE_USE_FOUNDRY CLAUDE_CODE_USE_MANTLE CLAUDE_CODE_USE_ANTHROPIC_AWS CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD
`,
  codex: `model = "claude-sonnet-4.5"
model_provider = "kiro"
model_context_window = 200000

[model_providers.kiro]
name = "Kiro"
base_url = "http://127.0.0.1:8123/v1"
wire_api = "responses"

[model_providers.kiro.auth]
command = "cat"
args = ["/no/such home/config/gateway-key"]
`,
  qwen: `export OPENAI_BASE_URL=http://127.0.0.1:8123/v1
export OPENAI_API_KEY="$(cat '/no/such home/config/gateway-key')"
export OPENAI_MODEL=claude-sonnet-4.5
`,
  aider: `export OPENAI_API_BASE=http://127.0.0.1:8123/v1
export OPENAI_API_KEY="$(cat '/no/such home/config/gateway-key')"
export AIDER_MODEL=openai/claude-sonnet-4.5
export AIDER_WEAK_MODEL=openai/claude-haiku-4.5
export AIDER_SHOW_MODEL_WARNINGS=false
`,
  cline: `API Provider    OpenAI Compatible
Base URL        http://127.0.0.1:8123/v1
API Key         in /no/such home/config/gateway-key
Model ID        claude-sonnet-4.5
Context Window  200000
Max Output      64000
`,
};

test.each(Object.entries(printed))('--print for %s', async (client, text) => {
  const ended = await call(['run', client, '--print'], { env: { KIRO_GATEWAY_HOME: HOME, SERVER_PORT: '8123' } });
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 0, stdout: text });
});

test('--print takes the models of a running serve, and never shows its key', async () => {
  const served = await callServe(['--demo']);
  const env = { KIRO_GATEWAY_HOME: join(served.home, 'gateway'), SERVER_PORT: new URL(served.url).port };
  const outputs = await Promise.all(
    ['opencode', 'continue', 'zed', 'vscode', 'cursor'].map((client) => call(['run', client, '--print'], { env })),
  );
  await served.stop();
  expect(outputs.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
  expect(JSON.stringify(outputs)).not.toContain('kgw-');
  expect(outputs[0]?.stdout).toContain('"model": "kiro/claude-sonnet-5"');
  expect(outputs[1]?.stdout).toContain('    model: "claude-sonnet-5"');
  expect(outputs[2]?.stdout).toContain('"name": "gpt-5.6-sol"');
  expect(outputs[3]?.stdout).toContain(`"url": "${served.url}/v1/chat/completions"`);
  expect(outputs[4]?.stdout).toContain('public https\naddress');
});

test('--print tells opencode the efforts that the running gateway lists, of models that nobody knew before, too', async () => {
  const model = {
    id: 'new-1',
    display_name: 'New 1',
    max_input_tokens: 1000,
    max_tokens: 100,
    supports_images: false,
    max_output_tokens: 100,
    reasoning_efforts: ['deep'],
  };
  const served = createServer(({ url }, response) =>
    response.end(JSON.stringify(url === '/' ? { name: 'kiro-gateway' } : { data: [model] })),
  ).listen(0, '127.0.0.1');
  await once(served, 'listening');
  const env = { PROXY_API_KEY: 'a-key-0123456789', SERVER_PORT: String((served.address() as AddressInfo).port) };
  const { stdout } = await call(['run', 'opencode', '--print'], { env });
  served.close();
  expect((JSON.parse(stdout) as { provider: { kiro: { models: object } } }).provider.kiro.models).toEqual({
    'new-1': {
      name: 'New 1',
      attachment: false,
      modalities: { input: ['text'], output: ['text'] },
      limit: { context: 1000, output: 100 },
      variants: { deep: { reasoningEffort: 'deep' } },
    },
  });
});

test('--print says so when the gateway that answers has another key', async () => {
  const served = await callServe(['--demo'], { env: { PROXY_API_KEY: 'one-key-0123456789' } });
  const env = { PROXY_API_KEY: 'other-key-0123456789', SERVER_PORT: new URL(served.url).port };
  const { code, stderr } = await call(['run', 'qwen', '--print'], { env });
  await served.stop();
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining(`The kiro-gateway at ${served.url} does not list its models to this key; `),
  });
});

// --- save and undo

function filled(path: string, text: string | undefined): { home: string; file: string } {
  const home = temporaryFolder();
  const file = join(home, path);
  if (text !== undefined) {
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  }
  return { home, file };
}

const FILES = { codex: '.codex/config.toml', opencode: '.config/opencode/opencode.json' };

const texts: readonly (readonly ['codex' | 'opencode', string, string | undefined])[] = [
  ['codex', 'no file', undefined],
  ['codex', 'an empty file', ''],
  ['codex', 'no line end', 'approval_policy = "never"'],
  ['codex', 'tables and CRLF', 'model = "mine"\r\n[tools]\r\nx = 1\r\n'],
  ['opencode', 'no file', undefined],
  ['opencode', 'an empty object', '{}'],
  ['opencode', 'comments', '{\n  // mine\n  "theme": "x", /* , */\n}\n'],
  ['opencode', 'providers', '\uFEFF{"provider":{"a":{"npm":"x"}},"b":[1,2,],}'],
];

test.each(texts)('--save and --undo of %s with %s leave it to the byte', async (client, _, text) => {
  const { home, file } = filled(FILES[client], text);
  const env = { HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway') };
  const saved = await call(['run', client, '--save', '--yes'], { env });
  expect(saved.code).toBe(0);
  expect(readFileSync(file, 'utf8')).toContain('http://127.0.0.1:8000/v1');
  const again = await call(['run', client, '--save', '--yes'], { env });
  expect(again.stdout).toBe(`${file} has it already; nothing was written.\n`);
  // It asks nothing, and a script may say yes to it all the same.
  expect((await call(['run', client, '--undo', '--yes'], { env })).code).toBe(0);
  if (text === undefined) expect(() => readFileSync(file)).toThrow('ENOENT');
  else expect(readFileSync(file, 'utf8')).toBe(text);
});

test.each([
  ['codex', 'model = "x"\n[a]\nb = 1\n', 'b = 1', 'b = 2'],
  ['opencode', '{\n  // mine\n  "theme": "x",\n}\n', '"x"', '"y"'],
] as const)('--undo of %s takes only its own out of a file that was edited since', async (client, text, from, to) => {
  const { home, file } = filled(FILES[client], text);
  const env = { HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway') };
  await call(['run', client, '--save', '--yes'], { env });
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
  await call(['run', client, '--undo'], { env });
  expect(readFileSync(file, 'utf8')).toBe(text.replace(from, to));
});

test('what goes and comes is shown without anything that a terminal would obey', async () => {
  const { home, file } = filled(FILES.codex, undefined);
  const env = { HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway') };
  await call(['run', 'codex', '--save', '--yes'], { env });
  writeFileSync(file, readFileSync(file, 'utf8').replace('"Kiro"', '"Ki\u001b[2J\u009bro"'));
  const { stderr } = await call(['run', 'codex', '--undo'], { env });
  expect(stderr.match(/^- name = .*$/m)?.[0]).toBe('- name = "Ki?[2J?ro"');
});

test('where the way back cannot be kept nothing is written, and it says why', async () => {
  const { home, file } = filled(FILES.codex, 'x = 1\n');
  const state = join(home, 'gateway', 'state');
  mkdirSync(state, { recursive: true });
  // Root may write everywhere, but not through a link that leads nowhere.
  symlinkSync('/no/such/folder', join(state, 'saved-settings'));
  const env = { HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway') };
  const { code, stderr } = await call(['run', 'codex', '--save', '--yes'], { env });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/\nThe gateway's file .* cannot be written \(E/),
  });
  expect(readFileSync(file, 'utf8')).toBe('x = 1\n');
});

test('a model that is named below a list of lists is not named again', async () => {
  const { home, file } = filled(FILES.codex, 'x = [\n  ["a", "b"],\n  ["c"]\n]\nmodel = "mine"\n[tools]\ny = 1\n');
  const env = { HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway') };
  await call(['run', 'codex', '--save', '--yes'], { env });
  expect(readFileSync(file, 'utf8').match(/^model.*=.*$/gm)).toEqual(['model = "mine"']);
});

test('providers on one line are told as what they are, and not as one of ours', async () => {
  const { home, file } = filled(FILES.codex, 'model_providers = { other = { name = "x" } }\n');
  const env = { HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway') };
  const { code, stderr } = await call(['run', 'codex', '--save', '--yes'], { env });
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`${file} has its providers on one line`),
  });
});

test('nothing is written where nobody can be asked, or where it would clash', async () => {
  const { home, file } = filled(FILES.opencode, '{"provider":{"kiro":{}}}');
  const env = { HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway') };
  const clash = await call(['run', 'opencode', '--save', '--yes'], { env });
  const silent = await call(['run', 'codex', '--save'], { env });
  expect([clash.code, silent.code]).toEqual([2, 2]);
  expect(clash.stderr).toContain(`${file} already has a provider kiro that is not from here`);
  expect(silent.stderr).toContain('Nothing was written: there is no terminal to ask on; add --yes.\n');
  expect(readFileSync(file, 'utf8')).toBe('{"provider":{"kiro":{}}}');
  expect(() => readFileSync(join(home, FILES.codex))).toThrow('ENOENT');
});

test.each([
  ['y', 0],
  ['n', 1],
] as const)('on a terminal --save shows the lines and asks; %s ends with %i', async (answer, code) => {
  const home = temporaryFolder();
  const file = join(home, '.codex', 'config.toml');
  const seen = await runInTerminal(['run', 'codex', '--save'], {
    env: { HOME: home, KIRO_GATEWAY_HOME: join(home, 'gateway') },
    columns: 200,
    steps: [[`Write this to ${file}?`, [answer]]],
  });
  expect(seen.code).toBe(code);
  expect(seen.screen).toContain('+ model_provider = "kiro"');
  if (code === 0) expect(readFileSync(file, 'utf8')).toContain('model_provider = "kiro"');
  else expect(() => readFileSync(file)).toThrow('ENOENT');
});

test('on a terminal Ctrl-C reaches the client once, and what it does then is its affair', async () => {
  const script = `let count = 0;
process.on('SIGINT', () => { count += 1; setTimeout(() => { console.log('heard ' + count); process.exit(9); }, 100); });
setInterval(() => {}, 1000);
console.log('ready');`;
  const seen = await runInTerminal(['run', 'claude', '--demo'], {
    env: { PATH: `${fakeClient('claude', script)}:${process.env['PATH'] ?? ''}` },
    steps: [['ready', ['\u0003']]],
  });
  expect(seen.code).toBe(9);
  expect(seen.screen).toContain('heard 1');
});
