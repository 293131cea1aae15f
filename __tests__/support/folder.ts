/** Folders of tests: outside the repository, and gone when the suite has ended. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';

const folders: string[] = [];
// What a process writes that has just been killed may come while its folder goes.
afterAll(() => folders.forEach((it) => rmSync(it, { recursive: true, force: true, maxRetries: 5 })));

/** A new one, empty. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kiro-gateway-test-'));
  folders.push(folder);
  return folder;
}
