/** Reads a small text file that somebody else may have written: a regular file, not too large, opened once. */

import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { isRecord } from '../core/reader.js';

export type SmallFile = { readonly text: string } | { readonly problem: FileProblem };

export type FileProblem = keyof typeof FILE_PROBLEMS;

/** @param options.links Whether a symbolic link is followed; refuse it where only our own files belong. */
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

/** The `code` of a file system error: `ENOENT`, `EACCES`, …; empty for anything else. */
export function codeOf(thrown: unknown): string {
  return isRecord(thrown) && typeof thrown['code'] === 'string' ? thrown['code'] : '';
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
