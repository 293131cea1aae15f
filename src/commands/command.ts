/** What the commands share: what one is, a gateway to work with, and a server in front of it. */

import { once, setMaxListeners } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

import type { SessionFacts } from '../auth/session.js';
import type { Context } from '../context.js';
import { codeOf, GatewayError } from '../core/errors.js';
import { within } from '../core/signals.js';
import type { Secret } from '../core/secret.js';
import type { LedgerSource } from '../ledger.js';
import { openGateway, type OpenedGateway } from '../open-gateway.js';
import type { RequestWatch } from '../server/request-log.js';
import { type CommandOptions, complaint } from '../settings.js';
import { loginName } from '../settings-table.js';

/** The command line is not as it has to be. */
export function usageError(sentence: string): GatewayError {
  return new GatewayError('invalid-request', sentence);
}

/** @returns the exit code. @throws GatewayError, which the caller prints. */
export type Run = (args: readonly string[], options: CommandOptions, context: Context) => Promise<number>;

/** @throws GatewayError `invalid-request`, naming the flag, for values that mean nothing to any command. */
export function checkOptions(options: CommandOptions): void {
  for (const [name, value] of Object.entries(options)) {
    const isEmpty = [value].flat().some((it) => typeof it === 'string' && it.trim() === '');
    if (!isEmpty || MAY_BE_EMPTY.has(name)) continue;
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw usageError(`--${flag} needs a value that is not empty.`);
  }
  const { profile } = options;
  if (typeof profile !== 'string' || loginName.parse(profile, '') !== undefined) return;
  throw complaint('--profile', loginName, profile);
}

/** `--demo` alone is one with an empty text. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(['demo', 'system']);

/**
 * Does the work with a gateway that is closed afterwards. Where nobody is logged in yet and a person is there, after an
 * offer to do that now.
 * @throws GatewayError like `openGateway`; `not-logged-in` when the offer is declined.
 */
export async function withGateway<Result>(
  context: Context,
  options: CommandOptions,
  work: (opened: OpenedGateway) => Promise<Result>,
  source: LedgerSource = 'chat',
): Promise<Result> {
  const open = (): Promise<OpenedGateway> => openGateway(context, options, source);
  const opened = await open().catch(async (thrown: unknown) => {
    if (!(await isLoggedInNow(thrown, context, options))) throw thrown;
    return open();
  });
  try {
    return await work(opened);
  } catch (thrown) {
    throw thrown instanceof GatewayError ? opened.log.hushed(thrown) : thrown;
  } finally {
    await opened.close();
  }
}

async function isLoggedInNow(thrown: unknown, context: Context, options: CommandOptions): Promise<boolean> {
  if (!(thrown instanceof GatewayError) || thrown.facts.reason !== 'no-login') return false;
  const prompts = await context.loadPrompts();
  if (prompts === undefined || !(await prompts.agree('You are not logged in to Kiro. Log in now?'))) return false;
  const { login } = await import('./login.js');
  const { profile = 'default', envFile } = options;
  // What the login says is talk here: the result is that of the command.
  const { terminal } = context;
  const result = (text: string): Promise<boolean> => {
    terminal.log(text);
    return Promise.resolve(true);
  };
  await login([], { profile, envFile }, { ...context, terminal: { ...terminal, result } });
  return true;
}

/**
 * The models of the account; undefined when Kiro does not say, which keeps nobody from working.
 * @throws GatewayError `login-expired`.
 */
export async function listedModels(
  { gateway, log }: OpenedGateway,
  stop: AbortSignal,
  { patienceMs, otherwise }: { readonly patienceMs: number; readonly otherwise: string },
) {
  const patience = within(stop, patienceMs);
  try {
    return await gateway.models(patience);
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.kind === 'login-expired') throw thrown;
    const why = patience.aborted ? undefined : thrown;
    if (!stop.aborted) log.warn(`Kiro did not list its models; ${otherwise}.`, why);
    return undefined;
  }
}

/**
 * Does the work while the gateway is behind a server that listens, on the port that the work is told.
 * @throws GatewayError `invalid-request` when it cannot listen there.
 */
export async function withServer<Result>(
  { gateway, settings, log, isSimulator, login, capture }: OpenedGateway,
  { version, now, randomId, onUncaught }: Context,
  place: { readonly key: Secret; readonly host: string; readonly port: number; readonly requests: RequestWatch },
  work: (port: number) => Promise<Result>,
): Promise<Result> {
  const [{ createHttpServer }, { createApp }] = await Promise.all([
    import('../server/http-server.js'),
    import('../server/app.js'),
  ]);
  const { key, host, port, requests } = place;
  const stopping = new AbortController();
  // Each open answer listens.
  setMaxListeners(0, stopping.signal);
  const { allowedHosts = [], corsOrigins = [], maxBodySizeBytes: maxBodyBytes } = settings;
  const app = createApp({
    gateway,
    requests,
    key,
    origins: { bind: host, allowedHosts, corsOrigins },
    log,
    version,
    isSimulator,
    loginState: () => loginState(login(), now()),
    maxBodyBytes,
    stopping: stopping.signal,
    capture,
    now,
    randomId,
  });
  const server = createHttpServer(app, { hurry: () => stopping.abort(STOPPING), log });
  const listeningPort = await listen(server, host, port);
  // What one request has broken must not end the others.
  const unwatch = onUncaught((thrown) => log.error('Something failed in the background.', thrown));
  try {
    return await work(listeningPort);
  } finally {
    // A server that still listens would keep a failed command from ending.
    await server.stop();
    unwatch();
  }
}

const STOPPING = new GatewayError('upstream-unavailable', 'The gateway is stopping; ask again when it runs again.');

/** `unknown` until the first token has come. */
function loginState({ canExpire, expiresAt }: SessionFacts, now: number): string {
  if (!canExpire) return 'ready';
  if (expiresAt === undefined) return 'unknown';
  return expiresAt > now ? 'ready' : 'expired';
}

/** @returns the port that it listens on. @throws GatewayError `invalid-request`. */
async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new GatewayError('invalid-request', await listenComplaint(cause, host, port), { cause });
  }
  // The cast is node's promise for a server that listens on a port.
  return (server.address() as AddressInfo).port;
}

async function listenComplaint(cause: unknown, host: string, port: number): Promise<string> {
  const code = codeOf(cause) || 'unknown';
  if (code === 'EADDRINUSE') {
    const probe = createServer();
    const free = await listen(probe, host, 0);
    probe.close();
    return `Port ${port} on ${host} is in use; stop the other program or take --port ${free}, which is free.`;
  }
  if (code === 'EACCES') return `Port ${port} needs more rights than you have; choose a --port above 1023.`;
  return `Cannot listen on ${host} port ${port} (${code}); check --host and --port.`;
}

/** A client on this machine reaches it through loopback. */
export function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

export function urlHost(host: string): string {
  if (isEveryAddress(host)) return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
