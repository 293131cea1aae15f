/** Keeps renewed tokens between runs, in the gateway's own state folder. Kiro's own files are never written. */

import { join } from 'node:path';
import { Reader } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import type { Tokens } from './credential.js';
import { readPrivateFile, writePrivateFile } from './private-file.js';

export type TokenStore = {
  /** What the credential with this digest has become; undefined when it was never renewed here. Never throws. */
  read(digest: string): Promise<Tokens | undefined>;
  /**
   * On the disk when it resolves with true. Never throws: a disk that cannot be written must not end a working login.
   */
  write(digest: string, tokens: Tokens, by: RenewedBy): Promise<boolean>;
};

/** The gateway itself, kiro-cli because it was asked, or somebody else, at the place the login was taken from. */
export type RenewedBy = 'gateway' | 'kiro-cli' | 'source';

/** @param notice Is told, in a sentence, when a file cannot be read or written. */
export function fileStore(stateFolder: string, notice: (sentence: string) => void): TokenStore {
  const pathOf = (digest: string): string => join(stateFolder, 'tokens', `${digest}.json`);
  return {
    async read(digest) {
      try {
        const text = await readPrivateFile(pathOf(digest), MAX_BYTES);
        return text === undefined ? undefined : parseTokens(text);
      } catch {
        notice(`The renewed tokens in ${pathOf(digest)} cannot be read and are ignored.`);
        return undefined;
      }
    },
    async write(digest, tokens) {
      try {
        await writePrivateFile(pathOf(digest), formatTokens(tokens));
        return true;
      } catch {
        notice(`The renewed tokens cannot be written to ${pathOf(digest)}; they last until the gateway stops.`);
        return false;
      }
    },
  };
}

/** Remembers nothing on the disk: for `--demo`. */
export function memoryStore(): TokenStore {
  const kept = new Map<string, Tokens>();
  return {
    read: (digest) => Promise.resolve(kept.get(digest)),
    write(digest, tokens) {
      kept.set(digest, tokens);
      return Promise.resolve(true);
    },
  };
}

function parseTokens(text: string): Tokens {
  const reader = new Reader(JSON.parse(text), 'internal', 'tokens');
  return {
    refreshToken: new Secret(reader.get('refreshToken').nonEmptyString()),
    accessToken: new Secret(reader.get('accessToken').nonEmptyString()),
    expiresAt: reader.get('expiresAt').number(),
    profileArn: reader.optional('profileArn')?.string(),
  };
}

function formatTokens(tokens: Tokens): string {
  const { refreshToken, accessToken, expiresAt, profileArn } = tokens;
  return JSON.stringify({
    refreshToken: refreshToken.reveal(),
    accessToken: accessToken.reveal(),
    expiresAt,
    profileArn,
  });
}

const MAX_BYTES = 1_000_000;
