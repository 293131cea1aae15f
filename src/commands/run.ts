/** `run`: a client with a gateway of its own, for as long as it runs; or what to write so that it uses `serve`. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { access, constants, lstat, rm, stat } from 'node:fs/promises';
import { constants as system } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { isatty } from 'node:tty';

import { makePrivateFolder } from '../auth/files.js';
import type { Context } from '../context.js';
import { codeOf, GatewayError } from '../core/errors.js';
import { follow } from '../core/signals.js';
import { type CommandOptions, loadSettings } from '../settings.js';
import type { OpenedGateway } from '../open-gateway.js';
import { randomKey } from '../server/access.js';
import { logRequests, type RequestWatch } from '../server/request-log.js';
import { listedModels, usageError, withGateway, withServer, type Run } from './command.js';
import { CLIENTS, KEY, type Client } from './run-clients.js';
import { saveSettings, undoSettings } from './run-save.js';
import { chooseModels, configFiles, readTarget } from './run-target.js';

export const run: Run = async ([name = '', ...args], options, context) => {
  const client = Object.hasOwn(CLIENTS, name) ? CLIENTS[name] : undefined;
  if (client === undefined) {
    throw usageError(`There is no client ${JSON.stringify(name)}; choose one of ${Object.keys(CLIENTS).join(', ')}.`);
  }
  if (options['yes'] === true && options['save'] !== true && options['undo'] !== true) {
    throw usageError('--yes only answers what --save asks; add --save.');
  }
  const mode = (['print', 'save', 'undo'] as const).find((it) => options[it] === true);
  if (mode === undefined) {
    const { title, start } = client;
    if (start !== undefined) return startClient({ title, start }, args, options, context);
    throw usageError(`${title} is not started from here; \`kiro-gateway run ${name} --print\` says what to do.`);
  }
  if (args.length > 0) {
    throw usageError(`--${mode} starts nothing that ${JSON.stringify(args[0])} could be passed to.`);
  }
  if (mode === 'print') return print(client, options, context);
  if (name !== 'codex' && name !== 'opencode') {
    throw usageError(`--${mode} is for codex and opencode; \`kiro-gateway run ${name} --print\` shows what to set.`);
  }
  if (mode === 'save') return saveSettings(name, await readTarget(options, context), options, context);
  const { paths } = await loadSettings(context, options);
  return undoSettings(name, configFiles(context)[name], paths.state, context);
};

async function print({ print: text, advice }: Client, options: CommandOptions, context: Context): Promise<number> {
  const { terminal } = context;
  if (typeof text === 'string') {
    await terminal.result(text);
    return 0;
  }
  const target = await readTarget(options, context);
  for (const sentence of advice(target)) terminal.note(sentence);
  await terminal.result(text(target));
  return 0;
}

/** @returns the client's own exit code, 128 and more when a signal ended it; 1 when it is not installed. */
async function startClient(
  { title, start }: Required<Pick<Client, 'title' | 'start'>>,
  args: readonly string[],
  options: CommandOptions,
  context: Context,
): Promise<number> {
  const { terminal, machine } = context;
  const program = await findProgram(start.program, context);
  if (program === undefined) {
    terminal.note(`${title} is not installed: there is no ${start.program} on the PATH. Install it: ${start.install}`);
    return 1;
  }
  // Ctrl-C ends the preparations; once the client runs, it is the client's.
  const life = follow(context.stopSignal());
  // What is said before the client has the terminal is for the person, and what comes later for the log.
  let say = terminal.log;
  const talk = { ...terminal, log: (text: string): void => say(text) };
  const quiet: Context = { ...context, terminal: talk, stopSignal: () => life.signal };
  const work = async (opened: OpenedGateway): Promise<number> => {
    const listed = await listedModels(opened, life.signal, LISTING);
    const models = chooseModels(listed ?? [], options);
    const key = randomKey();
    opened.log.hide(key);
    const log = await openLog(opened.paths.state);
    const watch = logRequests(opened.log);
    let failures = 0;
    const requests: RequestWatch = {
      ...watch,
      ended(facts, record) {
        if (record.error !== undefined && record.error !== 'cancelled') failures += 1;
        watch.ended(facts, record);
      },
    };
    return withServer(opened, quiet, { key, host: LOOPBACK, port: 0, requests }, async (port) => {
      const where = { url: `http://${LOOPBACK}:${port}`, models };
      if (opened.isSimulator) terminal.note('SIMULATOR: answers are made up, no Kiro account is used.');
      if (life.signal.aborted) throw new GatewayError('cancelled', 'Stopped.');
      life.end();
      say = log.write;
      const variables = Object.entries(start.variables(where));
      const own = variables.map(([name, value]) => [name, value === KEY ? key.reveal() : value]);
      // This machine is reached directly, whatever proxy the person has.
      const direct = [machine.env['NO_PROXY'] || machine.env['no_proxy'], LOOPBACK].filter(Boolean).join(',');
      const env = { ...machine.env, NO_PROXY: direct, no_proxy: direct, ...Object.fromEntries(own) };
      const code = await runToItsEnd(program, [...(start.args?.(where) ?? []), ...args], env, title);
      if (failures > 0) terminal.note(`Requests of ${title} have failed; ${log.path} tells why.`);
      return code;
    });
  };
  return withGateway(quiet, options, work, 'run');
}

/** A signal for us is one for the client; what Ctrl-C does there, and whether it ends, is the client's affair. */
async function runToItsEnd(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  title: string,
): Promise<number> {
  // In a terminal Ctrl-C reaches every process of the group; a second SIGINT from us would count as a second Ctrl-C.
  const isShared = [0, 1, 2].some((file) => isatty(file));
  let child: ChildProcess | undefined;
  let terminations = 0;
  const forward = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGINT' && isShared) return;
    // Who asks twice means it; opencode, for one, does not listen while it is busy.
    child?.kill(signal === 'SIGTERM' && terminations++ > 0 ? 'SIGKILL' : signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    child = spawn(program, args, { stdio: 'inherit', env });
    // The cast is node's own promise about this event.
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal === null ? 0 : system.signals[signal]);
  } catch (cause) {
    const message = `${title} could not be started from ${program} (${codeOf(cause)}); install it anew.`;
    throw new GatewayError('forbidden', message, { cause });
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}

/** The first of that name on the PATH. On Windows only real programs: scripts of cmd.exe read their arguments anew. */
async function findProgram(name: string, { machine, workingDirectory }: Context): Promise<string | undefined> {
  const file = machine.platform === 'win32' ? `${name}.exe` : name;
  for (const folder of (machine.env['PATH'] ?? '').split(delimiter)) {
    const path = resolve(workingDirectory, folder, file);
    try {
      await access(path, constants.X_OK);
      if (folder !== '' && (await stat(path)).isFile()) return path;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

/** One file for all runs, begun anew when it has grown or is a link; a client is not kept waiting for a log that cannot be written. */
async function openLog(folder: string) {
  const path = join(folder, 'run.log');
  try {
    await makePrivateFolder(folder);
    const found = await lstat(path);
    if (!found.isFile() || found.size > MAX_LOG_BYTES) await rm(path);
  } catch {
    // It is not there yet, or will not be.
  }
  const write = (text: string): void => {
    try {
      appendFileSync(path, text, { mode: 0o600 });
    } catch {
      // So be it.
    }
  };
  return { path, write };
}

/** Kiro's own list, or the last known one, is worth the wait: it decides which model the client uses. */
const LISTING = { patienceMs: 30_000, otherwise: 'the client is told the usual names' };
const LOOPBACK = '127.0.0.1';
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const MAX_LOG_BYTES = 1_000_000;
