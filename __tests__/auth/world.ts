/** A session against a real server, with a login in the settings or in a file, and a clock of the test's own. */

import { writeFileSync } from 'node:fs';
import type { LoginStore } from '../../src/auth/login-store.js';
import { createSession, type Session, type SessionDependencies } from '../../src/auth/session.js';
import { findLogin } from '../../src/auth/sources.js';
import type { RunProgram } from '../../src/auth/kiro-cli.js';
import type { LoginSettings } from '../../src/auth/credential.js';
import { memoryStore, type TokenStore } from '../../src/auth/store.js';
import { Secret } from '../../src/core/secret.js';
import { realFetch, type TokenServer } from '../support/token-server.js';
import { open as openLogins } from './login-world.js';
import { ARN, refreshToken } from './support.js';
import { NO_SETTINGS } from '../support/stored-login.js';

export const R1 = refreshToken('one');
export const R2 = refreshToken('two');
export const R3 = refreshToken('three');
export const MINUTE = 60_000;
export const START = 1_785_000_000_000;
export const UNWATCHED = new AbortController().signal;
export const EXPIRED =
  'login-expired: Your Kiro login has expired. Run `kiro-cli login` (or sign in again in the Kiro IDE) and try again.';
export const DEAD = { status: 400, body: { error: 'invalid_grant' } };
export const DOWN = { status: 503, body: {} };

export type World = {
  readonly session: Session;
  readonly clock: { now: number };
  readonly notices: string[];
  /** The token handed out now, in the open. */
  token(): Promise<string>;
};

type WorldOptions = {
  readonly login?: Partial<LoginSettings>;
  /** Where stored logins are; without it there are none. */
  readonly logins?: LoginStore;
  readonly profile?: string;
  readonly runProgram?: RunProgram;
  readonly kiroCliDatabase?: string;
  readonly alone?: SessionDependencies['alone'];
  readonly announcesRegistration?: boolean;
  readonly store?: TokenStore;
  readonly clock?: { now: number };
  readonly refreshAheadSeconds?: number;
};

export async function open(server: TokenServer, options: WorldOptions): Promise<World> {
  const { login = {}, store = memoryStore(), clock = { now: START }, refreshAheadSeconds = 600 } = options;
  const { logins = openLogins().logins, profile, alone, announcesRegistration = false } = options;
  const { runProgram = () => Promise.resolve(false), kiroCliDatabase } = options;
  const notices: string[] = [];
  const machine = { now: () => clock.now, sleep: () => Promise.resolve(), runProgram, kiroCliDatabase };
  const tools = { ...machine, logins, profile };
  const found = await findLogin({ ...NO_SETTINGS, ...login }, tools);
  if (found === undefined) throw new Error('the test configured no login');
  const session = await createSession({
    login: found,
    source: found.source,
    store: found.store ?? store,
    alone: alone ?? ((work) => work()),
    fetch: realFetch(),
    now: () => clock.now,
    sleep: () => Promise.resolve(),
    overrides: { auth: server.url, oidc: server.url },
    userAgent: 'test/1',
    refreshAheadSeconds,
    announcesRegistration,
    notice: (sentence) => notices.push(sentence),
    hide: () => undefined,
  });
  const token = async (): Promise<string> => (await session.accessToken(UNWATCHED)).token.reveal();
  return { session, clock, notices, token };
}

/** A file as the Kiro IDE writes it, of which the access token lives for some minutes. */
export function loginFile(
  path: string,
  minutes: number,
  tokens: { refreshToken: string; accessToken: string },
): LoginSettings {
  const expiresAt = new Date(START + minutes * MINUTE).toISOString();
  writeFileSync(path, JSON.stringify({ ...tokens, expiresAt, authMethod: 'social', profileArn: ARN }));
  return { ...NO_SETTINGS, kiroCredsFile: path };
}

/** Tokens for an hour, named by the number of the request: `aoa1` with its refresh token, … */
export function answers(...refreshTokens: readonly string[]): { body: object }[] {
  return refreshTokens.map((it, index) => ({
    body: { accessToken: `aoa${index + 1}`, refreshToken: it, expiresIn: 3600 },
  }));
}

export function sentTokens(server: TokenServer): readonly string[] {
  return server.requests.map((it) => /aor-(\w+)-/.exec(it.body)?.[1] ?? 'none');
}

export const environment = { refreshToken: new Secret(R1) };

/** A door that one side waits at and the other opens. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}
