/** Reads the bytes of a database and of its side files. Everything is opened for reading only. */

// Synchronous on purpose: a picture is true only when nobody wrote between the first byte and the last, and a pause
// between two steps is long enough for many transactions.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { fileProblem, type FileProblem } from '../small-file.js';

/** More than a process should take into memory for one login. */
export const MAX_BYTES = 512 * 1024 * 1024;

export function readBytes(path: string): Buffer | FileProblem {
  return withFile<Buffer | FileProblem>(path, (file, size) =>
    size > MAX_BYTES ? 'too-large' : readRange(file, 0, size),
  );
}

/** The first bytes, or all of a shorter file. */
export function readStart(path: string, length: number): Buffer | FileProblem {
  return withFile(path, (file, size) => readRange(file, 0, Math.min(length, size)));
}

/** Compares piece by piece: a second copy of a large database would be dear. */
export function hasContent(path: string, content: Buffer): boolean {
  const answer = withFile(path, (file, size) => {
    if (size !== content.length) return false;
    for (let at = 0; at < size; at += PIECE_BYTES) {
      const piece = content.subarray(at, at + PIECE_BYTES);
      if (!piece.equals(readRange(file, at, piece.length))) return false;
    }
    return true;
  });
  return answer === true;
}

function withFile<Value>(path: string, use: (file: number, size: number) => Value): Value | FileProblem {
  try {
    // Without O_NONBLOCK, which Windows does not have, opening a named pipe would wait for its writer.
    const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const facts = fstatSync(file);
      return facts.isFile() ? use(file, facts.size) : 'not-a-file';
    } finally {
      closeSync(file);
    }
  } catch (thrown) {
    return fileProblem(thrown);
  }
}

/** Shorter than asked for when the file was cut meanwhile. */
function readRange(file: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, bytes, filled, length - filled, from + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

const PIECE_BYTES = 1024 * 1024;
