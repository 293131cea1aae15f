/** What the tests of logins share: files, tokens of a true length, and a way to look into secrets. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from '@jest/globals';
import { GatewayError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';

export const ARN = 'arn:aws:codewhisperer:us-east-1:111122223333:profile/EXAMPLE12345';

/** A refresh token as long as a real one. */
export function refreshToken(name: string): string {
  return `aor-${name}-`.padEnd(232, 'A');
}

/** Writes the files of a record, values that are not texts as JSON. */
export function writeFiles(folder: string, files: Readonly<Record<string, unknown>>): void {
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
}

/** The value with its secrets readable (`secret:…`) and without what is undefined, so that wholes can be compared. */
export function revealed(value: unknown): unknown {
  if (value instanceof Secret) return `secret:${value.reveal()}`;
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== 'object' || value === null) return value;
  const known = Object.entries(value).filter(([, it]) => it !== undefined);
  return Object.fromEntries(known.map(([key, it]) => [key, revealed(it)]));
}

/** The error's kind and sentence, as one text; nothing of the error, its causes included, may show a token. */
export async function failureOf(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (thrown) {
    expect(inspect(thrown, { depth: 20, showHidden: true })).not.toMatch(/aor-|ksk_/);
    if (thrown instanceof GatewayError) return `${thrown.kind}: ${thrown.message}`;
    throw thrown;
  }
  return 'nothing was thrown';
}

/** Fails when a secret shows in any way that a value or an error can be printed. */
export function expectNoSecret(value: unknown, ...secrets: readonly string[]): void {
  const printed = [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value) ?? '', String(value)].join(
    '\n',
  );
  for (const secret of secrets) expect(printed).not.toContain(secret.slice(0, 24));
}
