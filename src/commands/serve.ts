/** `serve`: the gateway as a server, until somebody stops it. */

import { once, setMaxListeners } from 'node:events';
import type { Server } from 'node:http';

import type { SessionFacts } from '../auth/session.js';
import type { Context } from '../context.js';
import { GatewayError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import type { OpenedGateway } from '../open-gateway.js';
import type { GatewayKey } from '../server/access.js';
import type { HttpServer } from '../server/http-server.js';
import type { RequestWatch } from '../server/request-log.js';
import { openGatewayOrLogIn, withUpstreamOptions, type Command } from './command.js';

export const serve: Command = {
  name: 'serve',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('Serve OpenAI and Anthropic clients until stopped')
        .option('--port <port>', 'port to listen on; 0 takes any free one (default: 8000)')
        .option('--host <host>', 'address to listen on (default: 127.0.0.1)')
        .option('--allowed-host <names>', 'host names under which clients may call, besides loopback')
        .addHelpText('after', EXAMPLES),
    ),
  async run(_, options, context) {
    const opened = await openGatewayOrLogIn(context, options, {
      folderEnvFile: true,
      announcesRegistration: true,
      source: 'serve',
    });
    try {
      return await serveUntilStopped(opened, context);
    } finally {
      await opened.close();
    }
  },
};

async function serveUntilStopped(opened: OpenedGateway, context: Context): Promise<number> {
  const { settings, log } = opened;
  const stop = context.stopSignal();
  const [{ gatewayKey }, { logRequests }, { createBoard }] = await Promise.all([
    import('../server/access.js'),
    import('../server/request-log.js'),
    import('./serve-screen.js'),
  ]);
  const key = await gatewayKey(settings.proxyApiKey, settings.serverHost, {
    configFolder: opened.paths.config,
    isShown: context.terminal.isInteractive,
  });
  log.hide(key.key);
  for (const notice of key.notices) log.warn(notice);

  const { terminal, now } = context;
  const { live } = settings.logFormat === 'text' ? terminal : { live: undefined };
  const isQuiet = !['DEBUG', 'INFO'].includes(settings.logLevel);
  const requests =
    live === undefined ? logRequests(log) : createBoard({ terminal: { ...terminal, live }, log, isQuiet, now });
  const { serverHost: host, serverPort: port } = settings;
  const server = await openServer(opened, context, { key: key.key, host, port, requests });
  // What one request has broken must not end the others.
  const unwatch = context.onUncaught((thrown) => log.error('Something failed that nobody waited for.', thrown));
  try {
    await announce(server, opened, key, context, stop);
    if (!stop.aborted) await once(stop, 'abort');
    log.info('Stopping.');
  } finally {
    // A second signal ends the process at once; by then the terminal has to be as it was.
    live?.hide();
    // A server that still listens would keep a failed command from ending.
    await server.stop();
    unwatch();
  }
  return 0;
}

/**
 * The gateway behind a server that listens; whoever opens it closes it.
 * @throws GatewayError `invalid-request` when it cannot listen there.
 */
export async function openServer(
  { gateway, settings, log, isSimulator, login, capture }: OpenedGateway,
  { version, now, randomId }: Context,
  { key, host, port, requests }: ServerPlace,
): Promise<HttpServer> {
  const [{ createHttpServer }, { createApp }] = await Promise.all([
    import('../server/http-server.js'),
    import('../server/app.js'),
  ]);
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
  await listen(server, host, port);
  return server;
}

type ServerPlace = {
  readonly key: Secret;
  readonly host: string;
  readonly port: number;
  readonly requests: RequestWatch;
};

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new GatewayError('invalid-request', await listenComplaint(cause, host, port), { cause });
  }
}

async function listenComplaint(cause: unknown, host: string, port: number): Promise<string> {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  if (code === 'EADDRINUSE') {
    const free = await freePort(host, port);
    const advice = free === undefined ? 'choose another --port' : `take --port ${free}, which is free`;
    return `Port ${port} on ${host} is in use; stop the other program or ${advice}.`;
  }
  if (code === 'EACCES') return `Port ${port} needs more rights than you have; choose a --port above 1023.`;
  return `Cannot listen on ${host} port ${port} (${code}); check --host and --port.`;
}

/** The next one on which a server could listen, or any other. */
async function freePort(host: string, taken: number): Promise<number | undefined> {
  const { createServer } = await import('node:net');
  const next = Array.from({ length: 10 }, (_, step) => taken + 1 + step).filter((port) => port <= 65_535);
  for (const port of [...next, 0]) {
    const probe = createServer().listen(port, host);
    try {
      await once(probe, 'listening');
      const address = probe.address();
      probe.close();
      await once(probe, 'close');
      if (typeof address === 'object' && address !== null) return address.port;
    } catch {
      // Taken as well.
    }
  }
  return undefined;
}

/** Says where the gateway is and how clients reach it; the key itself is shown to a person only, never to a pipe. */
async function announce(
  server: Server,
  opened: OpenedGateway,
  { key, file }: GatewayKey,
  context: Context,
  stop: AbortSignal,
): Promise<void> {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : opened.settings.serverPort;
  const count = await modelCount(opened, stop);
  const { terminal, version } = context;
  const { describeStart, startEntry } = await import('./serve-screen.js');
  const where = { host: opened.settings.serverHost, port, isSimulator: opened.isSimulator, version };
  const shownKey = terminal.isInteractive ? key.reveal() : undefined;
  const facts = { ...where, shownKey, keyFile: file, login: opened.login(), count };
  if (opened.settings.logFormat === 'json') {
    const entry = startEntry(facts);
    opened.log.info(entry.message, entry.facts);
    return;
  }
  try {
    await terminal.result(describeStart(facts, terminal.style));
  } catch (thrown) {
    opened.log.warn('The start could not be told; requests are served all the same.', thrown);
  }
}

/** `unknown` until the first token has come. */
function loginState({ canExpire, expiresAt }: SessionFacts, now: number): string {
  if (!canExpire) return 'ready';
  if (expiresAt === undefined) return 'unknown';
  return expiresAt > now ? 'ready' : 'expired';
}

/** Kiro being away is no reason not to serve; a login that is dead is. */
async function modelCount({ gateway, log }: OpenedGateway, stop: AbortSignal): Promise<number | undefined> {
  try {
    return (await gateway.models(stop)).length;
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.kind === 'login-expired') throw thrown;
    log.warn('Kiro did not list its models; requests are served all the same.', thrown);
    return undefined;
  }
}

const STOPPING = new GatewayError('upstream-unavailable', 'The gateway is stopping; ask again when it runs again.');

const EXAMPLES = `
Examples:
  kiro-gateway serve
  kiro-gateway serve --demo --port 0                    tries it without an account
  kiro-gateway serve --profile work --port 8001
  LOG_FORMAT=json kiro-gateway serve 2> gateway.log     an object a line
  PROXY_API_KEY=… kiro-gateway serve --host 0.0.0.0 --allowed-host my.box
`;
