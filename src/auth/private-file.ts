/** Files that only this person may read. The only place that writes a secret to the disk. */

import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GatewayError } from '../core/errors.js';
import { FILE_PROBLEMS, readSmallFile } from './small-file.js';

/**
 * Replaces the file as a whole or not at all: after a crash it holds the old text or the new one. Its folder is made
 * private too, so it must be the gateway's own.
 * @throws GatewayError `forbidden` when the path is a symbolic link; file system errors as they come.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await makePrivateFolder(dirname(path));
  if (await isLink(path)) throw refusal(path, FILE_PROBLEMS.link);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeNew(temporary, text);
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  await syncFolder(dirname(path));
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
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Windows has no such bits, and its chmod leaves folders as they are: a profile's are private from the start.
  if (((await stat(folder)).mode & 0o077) !== 0) await chmod(folder, 0o700);
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the rename itself survive a power cut. Not every file system and platform can; the file is whole anyway. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    return;
  }
}

function refusal(path: string, problem: string): GatewayError {
  return new GatewayError('forbidden', `The gateway's file ${path} ${problem}; remove it and try again.`);
}
