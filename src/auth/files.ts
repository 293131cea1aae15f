/**
 * Where files lie, and small ones themselves: read when they are regular and not too large; written, secrets too, so that
 * only this person may read.
 */

import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, link, lstat, mkdir, open, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { codeOf, GatewayError } from '../core/errors.js';

/** What decides where programs keep their files. */
export type Machine = {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
};

/** The XDG base directory specification says that a path that is not absolute is to be ignored. */
export function xdgFolder({ env, homeDirectory }: Machine, variable: string, ...usual: readonly string[]): string {
  const named = env[variable] ?? '';
  return posix.isAbsolute(named) ? named : posix.join(homeDirectory, ...usual);
}

type SmallFile = { readonly text: string } | { readonly problem: FileProblem };

export type FileProblem = keyof typeof FILE_PROBLEMS;

/**
 * @param options.links Whether a symbolic link is followed; refuse it where only our own files belong. Those are made
 * private where somebody has opened them to others.
 */
export async function readSmallFile(
  path: string,
  options: { readonly maxBytes: number; readonly links: 'follow' | 'refuse' },
): Promise<SmallFile> {
  try {
    if (options.links === 'refuse' && (await lstat(path)).isSymbolicLink()) return { problem: 'link' };
    // Without O_NONBLOCK, opening a named pipe would wait for its writer. Both flags are missing on Windows.
    const noFollow = options.links === 'refuse' ? (constants.O_NOFOLLOW ?? 0) : 0;
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | noFollow);
    try {
      const facts = await file.stat();
      if (!facts.isFile()) return { problem: 'not-a-file' };
      if (facts.size > options.maxBytes) return { problem: 'too-large' };
      // Whoever cannot do that, on a disk that takes nothing, can still read.
      if (options.links === 'refuse' && (facts.mode & 0o077) !== 0) await file.chmod(0o600).catch(() => undefined);
      const text = await file.readFile('utf8');
      // Editors on Windows put a byte order mark first.
      return { text: text.startsWith('\uFEFF') ? text.slice(1) : text };
    } finally {
      await file.close();
    }
  } catch (thrown) {
    return { problem: fileProblem(thrown) };
  }
}

/** What a file system error means for the one who wants to read the file. */
export function fileProblem(thrown: unknown): FileProblem {
  return PROBLEM_OF_CODE[codeOf(thrown)] ?? 'unreadable';
}

/** Completes a sentence about the file. */
export const FILE_PROBLEMS = {
  missing: 'does not exist',
  link: 'is a symbolic link',
  'not-a-file': 'is not a regular file',
  'too-large': 'is too large',
  unreadable: 'cannot be read',
} as const;

const PROBLEM_OF_CODE: Readonly<Record<string, FileProblem>> = {
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  EISDIR: 'not-a-file',
  ELOOP: 'link',
};

/**
 * Replaces the file as a whole or not at all: after a crash it holds the old text or the new one. Its folder is made
 * private too, so it must be the gateway's own.
 * @param existing What becomes of a file that is there already, of another process that was faster, perhaps.
 * @throws GatewayError `forbidden` when the path is a symbolic link; file system errors as they come.
 */
export async function writePrivateFile(
  path: string,
  text: string,
  existing: 'replaced' | 'kept' = 'replaced',
): Promise<void> {
  await makePrivateFolder(dirname(path));
  const old = await lstat(path).catch(() => undefined);
  if (old?.isSymbolicLink()) throw refusal(path, FILE_PROBLEMS.link);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { flag: 'wx', mode: 0o600, flush: true });
    if (existing === 'replaced' || !(await isLinked(temporary, path))) await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  await syncFolder(dirname(path));
  // A younger one may be about to take the file's place.
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
  await sweep(dirname(path), isTemporaryOf(path), mtimeMs - ABANDONED_MS);
}

/** Gives the file its name, unless another has it. False where the file system knows only one name for a file. */
async function isLinked(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
  } catch (thrown) {
    if (codeOf(thrown) !== 'EEXIST') return false;
  }
  await rm(temporary, { force: true });
  return true;
}

/**
 * Removes what is older than that time: it may hold a login.
 * @param most How many may stay, however young the others are.
 */
export async function sweep(
  folder: string,
  isLeft: (name: string) => boolean,
  beforeMs: number,
  most = Infinity,
): Promise<void> {
  const files = await filesByAge(folder, isLeft);
  const left = files.filter(({ time }, index) => index >= most || time < beforeMs);
  await Promise.all(left.map(({ name }) => rm(join(folder, name), { force: true })));
}

/** The files of these names, the newest first; none when the folder cannot be read. Unix times in milliseconds. */
export async function filesByAge(folder: string, isMeant: (name: string) => boolean) {
  const names = (await readdir(folder).catch((): string[] => [])).filter(isMeant);
  const files = names.map(async (name) => {
    const facts = await stat(join(folder, name)).catch(() => undefined);
    return facts === undefined ? [] : [{ name, time: facts.mtimeMs }];
  });
  return (await Promise.all(files)).flat().toSorted((one, other) => other.time - one.time);
}

/** Knows the file's temporary names: what writers that were killed have left. */
function isTemporaryOf(path: string): (name: string) => boolean {
  return (name) => name.startsWith(`${basename(path)}.`) && name.endsWith('.tmp');
}

/** @throws GatewayError `forbidden` when that cannot be done, whatever the reason. */
export async function savePrivateFile(path: string, text: string): Promise<void> {
  await writePrivateFile(path, text).catch((thrown: unknown) => explain(path, 'written', thrown));
}

/**
 * True when there was one.
 * @throws GatewayError `forbidden`.
 */
export async function removePrivateFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    await sweep(dirname(path), isTemporaryOf(path), Infinity);
    return true;
  } catch (thrown) {
    return fileProblem(thrown) === 'missing' ? false : explain(path, 'removed', thrown);
  }
}

function explain(path: string, what: 'written' | 'removed', thrown: unknown): never {
  if (thrown instanceof GatewayError) throw thrown;
  const reason = codeOf(thrown) || 'unknown error';
  const message = `The gateway's file ${path} cannot be ${what} (${reason}); correct that and try again.`;
  throw new GatewayError('forbidden', message, { cause: thrown });
}

/**
 * The text of a private file, or undefined when there is none.
 * @throws GatewayError `forbidden` when it is not a regular file, too large or unreadable.
 */
export async function readPrivateFile(path: string, maxBytes: number): Promise<string | undefined> {
  const file = await readSmallFile(path, { maxBytes, links: 'refuse' });
  if ('text' in file) return file.text;
  if (file.problem === 'missing') return undefined;
  throw refusal(path, FILE_PROBLEMS[file.problem]);
}

export async function makePrivateFolder(folder: string): Promise<void> {
  await makeFolder(folder);
  // Windows has no such bits, and its chmod leaves folders as they are: a profile's are private from the start.
  if (((await stat(folder)).mode & 0o077) !== 0) await chmod(folder, 0o700);
}

/** With its parents. Node's own recursion never ends in a folder that is there and takes no others, as in /proc. */
export async function makeFolder(folder: string): Promise<void> {
  if (await isFolder(folder)) return;
  const parent = dirname(folder);
  // A drive that is not there is its own parent.
  if (parent !== folder && (await stat(parent).catch(codeOf)) === 'ENOENT') await makeFolder(parent);
  await mkdir(folder, { mode: 0o700 }).catch(async (thrown: unknown) => {
    // Another process may have been faster.
    if (!(await isFolder(folder))) throw thrown;
  });
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

/** Makes the rename itself survive a power cut. Not every file system and platform can; the file is whole anyway. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function refusal(path: string, problem: string): GatewayError {
  return new GatewayError('forbidden', `The gateway's file ${path} ${problem}; remove it and try again.`);
}

const ABANDONED_MS = 60_000;
