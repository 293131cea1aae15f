/** `run --save` and `--undo`: our part between two marks in a client's own settings, and out of them again to the byte. */

import { createHash, randomUUID } from 'node:crypto';
import { chmod, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { makeFolder, removePrivateFile, savePrivateFile } from '../auth/files.js';
import type { Context } from '../context.js';
import { codeOf, GatewayError } from '../core/errors.js';
import { isRecord } from '../core/reader.js';
import type { CommandOptions } from '../settings.js';
import { usageError } from './command.js';
import { codexDefaults, codexProvider, opencodeKey, opencodeProvider } from './run-clients.js';
import { harmless } from '../terminal/terminal.js';
import type { Target } from './run-target.js';

export type Saved = 'codex' | 'opencode';

/** Shows what would change, asks, keeps a backup and writes. @returns the exit code: 1 when the person declines. */
export async function saveSettings(
  client: Saved,
  target: Target,
  { yes }: CommandOptions,
  { terminal, loadPrompts }: Context,
): Promise<number> {
  const { configFiles, stateFolder } = target;
  const { file, current, before, backupOf } = await openSettings(client, configFiles[client], stateFolder);
  const next = client === 'codex' ? addToToml(before ?? '', target) : addToJson(before ?? '', target);
  if (next === current) {
    await terminal.result(`${file} has it already; nothing was written.\n`);
    return 0;
  }
  terminal.log(describeChange(file, current ?? '', before ?? '', next));
  if (yes !== true) {
    const prompts = await loadPrompts();
    if (prompts === undefined) throw usageError('Nothing was written: there is no terminal to ask on; add --yes.');
    if (!(await prompts.agree(`Write this to ${file}?`))) {
      terminal.note('Nothing was written.');
      return 1;
    }
  }
  if ((await readText(file)) !== current) {
    throw new GatewayError('forbidden', `Nothing was written: ${file} has changed meanwhile; try again.`);
  }
  // First the way back, then the change: a crash between them leaves the person's file as it was.
  const backup = backupOf(next);
  if (before !== undefined) await savePrivateFile(backup, before);
  await replaceFile(file, next);
  const kept = before === undefined ? '' : ` A backup is in ${backup}.`;
  await terminal.result(`Wrote ${file}.${kept} \`kiro-gateway run ${client} --undo\` takes it back.\n`);
  return 0;
}

/** To the byte when nobody has touched the file since; else only our part goes, wherever it is now. */
export async function undoSettings(client: Saved, path: string, stateFolder: string, { terminal }: Context) {
  const { file, current, before, backupOf } = await openSettings(client, path, stateFolder);
  if (before === current) {
    await terminal.result(`There is nothing of kiro-gateway in ${file}; nothing was written.\n`);
    return 0;
  }
  terminal.log(describeChange(file, current ?? '', before ?? '', before ?? ''));
  if (before === undefined) await rm(file);
  else await replaceFile(file, before);
  await removePrivateFile(backupOf(current));
  await terminal.result(before === undefined ? `Removed ${file}.\n` : `Took it back out of ${file}.\n`);
  return 0;
}

/** What a client's settings say, and what they said before we wrote exactly this text, or else without our part. */
async function openSettings(client: Saved, path: string, stateFolder: string) {
  // It may be a link into a folder of dotfiles; then that file is written, and the link stays.
  const file = await realpath(path).catch(() => path);
  /** Its name says which text was written when this was kept. */
  const backupOf = (text = ''): string => join(stateFolder, 'saved-settings', `${client}-${digest(text)}.backup`);
  const current = await readText(file);
  const before = (await readText(backupOf(current))) ?? withoutMarked(current);
  return { file, current, before, backupOf };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The whole text, or undefined when there is no file. @throws GatewayError `forbidden` for what is not text. */
async function readText(path: string): Promise<string | undefined> {
  const refused = (why: string): GatewayError => new GatewayError('forbidden', `${path} ${why}; nothing was written.`);
  try {
    if (!(await stat(path)).isFile()) throw refused('is not a file');
    const bytes = await readFile(path);
    const text = bytes.toString('utf8');
    if (Buffer.from(text).equals(bytes)) return text;
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown instanceof GatewayError ? thrown : refused(`cannot be read (${codeOf(thrown)})`);
  }
  throw refused('is not text in UTF-8');
}

/** Replaces it as a whole or not at all, with the rights it has; a new one may come to hold keys. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await makeFolder(dirname(path));
    const { mode } = await stat(path).catch(() => ({ mode: 0o600 }));
    await writeFile(temporary, text, { flag: 'wx', mode: 0o600, flush: true });
    await chmod(temporary, mode & 0o777);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new GatewayError('forbidden', `${path} cannot be written (${codeOf(cause)}); it is as it was.`, { cause });
  }
}

/** The lines that go and those that come; what stays is the person's own and is not shown. */
function describeChange(file: string, from: string, between: string, to: string): string {
  const gone = linesOnlyIn(from, between).map((line) => `- ${line}`);
  return harmless([file, ...gone, ...linesOnlyIn(to, between).map((line) => `+ ${line}`), ''].join('\n'));
}

function linesOnlyIn(more: string, less: string): readonly string[] {
  const rest = less.split('\n');
  return more.split('\n').filter((line) => line !== rest[0] || rest.shift() === undefined);
}

// --- the texts

/** The gateway becomes Codex's usual provider only where the person has not named one, or a model. */
function addToToml(text: string, target: Target): string {
  // What stands in a text or a list of several lines is no key and no table.
  const texts = text.replaceAll(/"""[\s\S]*?"""|'''[\s\S]*?'''/g, '""');
  const bare = texts.replaceAll(/=\s*\[(?:[^[\]]|\[[^[\]]*\])*\]/g, '= []');
  if (/^\s*["']?model_providers["']?\s*=/m.test(bare)) throw refusal('codex', target, INLINE);
  if (KIRO_IN_TOML.some((pattern) => pattern.test(bare))) throw refusal('codex', target, CLASH);
  const [defaults, provider] = [codexDefaults(target), codexProvider(target)];
  const mark = (lines: string): string => inStyleOf(text, marked('#', lines, UNDO_CODEX));
  if (text === '') return mark(`${defaults}\n${provider}`);
  const [head = ''] = bare.split(/^\s*\[/m, 1);
  // A byte order mark has to stay in front of everything.
  const mayChoose = !/^\uFEFF|^\s*["']?(?:model|model_provider|model_context_window)["']?\s*=/m.test(head);
  const gap = inStyleOf(text, text.endsWith('\n') ? '\n' : '\n\n');
  return `${mayChoose ? mark(defaults) : ''}${text}${gap}${mark(provider)}`;
}

/** The provider is added; which model is used stays the person's choice. Comments stay where they are. */
function addToJson(text: string, target: Target): string {
  // opencode writes the schema into a file that has none, and then it would no longer be what we have written.
  const source = text.trim() === '' ? NEW_OPENCODE : text;
  const { open, provider } = readObject(source, target);
  const { url, models, key } = target;
  const kiro = JSON.stringify(opencodeProvider(url, models, opencodeKey(key)), undefined, 2);
  const advice = provider === undefined ? `${UNDO_OPENCODE}${WITH_PARENT}` : UNDO_OPENCODE;
  // opencode takes a comma at the end, and what is added below it later needs one.
  const block = indented(marked('//', `"kiro": ${kiro},\n`, advice), '    ');
  if (provider !== undefined) return insertAt(source, provider + 1, `\n${block}`);
  return insertAt(source, open + 1, `\n  "provider": {\n${block}\n  },`);
}

/** Without our part, wherever the person has moved it to, and its parent where that was only made for it. */
function withoutMarked(text: string | undefined): string | undefined {
  if (text?.includes(MARK) !== true) return text;
  const hadParent = text.includes(`${UNDO_OPENCODE}${WITH_PARENT}`);
  const bare = text.replaceAll(
    /(?:(?<=\n)\r?\n)?[ \t]*(?:#|\/\/) >>> kiro-gateway[^\n]*\n[\s\S]*?(?:#|\/\/) <<< kiro-gateway[^\n]*(?:\n|$)/g,
    '',
  );
  const rest = hadParent ? bare.replace(/\r?\n[ \t]*"provider"\s*:\s*\{\s*\},?/, '') : bare;
  // A file that was made for it.
  return rest === '' || rest === NEW_OPENCODE ? undefined : rest;
}

function marked(comment: '#' | '//', lines: string, advice: string): string {
  return `${comment} ${MARK}: ${advice}\n${lines}${comment} <<< kiro-gateway\n`;
}

/** Line ends as the file has them. */
function inStyleOf(text: string, addition: string): string {
  return text.includes('\r\n') ? addition.replaceAll('\n', '\r\n') : addition;
}

function indented(lines: string, prefix: string): string {
  return lines.replace(/\n$/, '').replaceAll(/^/gm, prefix);
}

function insertAt(text: string, at: number, addition: string): string {
  const rest = text.slice(at);
  const end = /^\s*\n/.test(rest) ? '' : '\n';
  return `${text.slice(0, at)}${inStyleOf(text, addition + end)}${rest}`;
}

/** Where an object with comments begins, and the object under its key `provider`. */
function readObject(text: string, target: Target): { readonly open: number; readonly provider: number | undefined } {
  const tokens = [...text.matchAll(TOKEN)].filter(([token]) => !/^\/[/*]/.test(token));
  const settings = parseTokens(tokens.map(([token]) => token));
  const { provider: providers = {} } = isRecord(settings) ? settings : { provider: undefined };
  if (!isRecord(settings) || !isRecord(providers)) throw refusal('opencode', target, 'cannot be read as settings');
  if ('kiro' in providers) throw refusal('opencode', target, CLASH);
  let depth = 0;
  const place = tokens.findIndex(([token], index) => {
    depth += DEPTH[token] ?? 0;
    return depth === 1 && token === '"provider"' && tokens[index + 1]?.[0] === ':';
  });
  return { open: tokens[0]?.index ?? 0, provider: place === -1 ? undefined : tokens[place + 2]?.index };
}

/** What JSON with comments and commas at the end says; undefined when it is none. */
function parseTokens(tokens: readonly string[]): unknown {
  const strict = tokens.filter((token, index) => token !== ',' || !/^[}\]]$/.test(tokens[index + 1] ?? ''));
  try {
    return JSON.parse(strict.join(' '));
  } catch {
    return undefined;
  }
}

function refusal(client: Saved, { configFiles }: Target, reason: string): GatewayError {
  const advice = `\`kiro-gateway run ${client} --print\` shows what to write by hand`;
  return usageError(`${configFiles[client]} ${reason}; ${advice}.`);
}

const INLINE = 'has its providers on one line, where none can be added';
const CLASH = 'already has a provider kiro that is not from here';

const KIRO_IN_TOML = [
  /^\s*\[?\s*["']?model_providers["']?\s*\.\s*["']?kiro["']?\s*[\].=]/m,
  /^\s*\[\s*model_providers\s*\][^[]*^\s*["']?kiro["']?\s*[.=]/m,
];

const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"/]+|["/]/g;

const DEPTH: Readonly<Record<string, number>> = { '{': 1, '[': 1, '}': -1, ']': -1 };

const NEW_OPENCODE = '{\n  "$schema": "https://opencode.ai/config.json"\n}\n';
const MARK = '>>> kiro-gateway';
const UNDO_CODEX = '`kiro-gateway run codex --undo` removes this';
const UNDO_OPENCODE = '`kiro-gateway run opencode --undo` removes this';
const WITH_PARENT = ' and an empty provider';
