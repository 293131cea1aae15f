/** `serve`: the gateway as a server, until somebody stops it. */

import { once } from 'node:events';
import type { Server } from 'node:http';

import type { SessionFacts } from '../auth/session.js';
import type { Context } from '../context.js';
import { GatewayError } from '../core/errors.js';
import type { OpenedGateway } from '../open-gateway.js';
import type { GatewayKey } from '../server/gateway-key.js';
import { withUpstreamOptions, type Command } from './command.js';
import { openGatewayOrLogIn } from './with-login.js';

export const serve: Command = {
  name: 'serve',
  define: (command) =>
    withUpstreamOptions(
      command
        .description('Serve OpenAI and Anthropic clients until stopped')
        .option('--port <port>', 'port to listen on; 0 takes any free one (default: 8000)')
        .option('--host <host>', 'address to listen on (default: 127.0.0.1)')
        .option('--allowed-host <names>', 'host names under which clients may call, besides loopback'),
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
  const { settings, log, gateway } = opened;
  const stop = context.stopSignal();
  const [{ createServer }, { createApp }, { gatewayKey }] = await Promise.all([
    import('node:http'),
    import('../server/app.js'),
    import('../server/gateway-key.js'),
  ]);
  const key = await gatewayKey(settings.proxyApiKey, settings.serverHost, opened.paths.config);
  log.hide(key.key);
  for (const notice of key.notices) log.warn(notice);

  const app = createApp({
    gateway,
    key: key.key,
    origins: {
      bind: settings.serverHost,
      allowedHosts: settings.allowedHosts ?? [],
      corsOrigins: settings.corsOrigins ?? [],
    },
    log,
    version: context.version,
    isSimulator: opened.isSimulator,
    loginState: () => loginState(opened.login(), context.now()),
    maxBodyBytes: settings.maxBodySizeBytes,
    now: context.now,
    randomId: context.randomId,
  });
  const server = createServer(app);
  // Longer than clients keep an idle connection, so that none is closed under a request on its way.
  server.keepAliveTimeout = 120_000;
  await listen(server, settings.serverHost, settings.serverPort);
  try {
    await announce(server, opened, key, context, stop);
    if (!stop.aborted) await once(stop, 'abort');
    log.info('Stopping.');
  } finally {
    // A server that still listens would keep a failed command from ending.
    await close(server);
  }
  return 0;
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new GatewayError('invalid-request', listenComplaint(cause, host, port), { cause });
  }
}

function listenComplaint(cause: unknown, host: string, port: number): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  if (code === 'EADDRINUSE')
    return `Port ${port} on ${host} is in use; stop the other program or choose another --port.`;
  if (code === 'EACCES') return `Port ${port} needs more rights than you have; choose a --port above 1023.`;
  return `Cannot listen on ${host} port ${port} (${code}); check --host and --port.`;
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
  const where = { host: opened.settings.serverHost, port, isSimulator: opened.isSimulator, version };
  const shownKey = terminal.isInteractive ? key.reveal() : undefined;
  const { describeStart } = await import('./serve-banner.js');
  await terminal.result(
    describeStart({ ...where, shownKey, keyFile: file, login: opened.login(), count }, terminal.style),
  );
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

/** Open answers get a moment to end by themselves. */
async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const grace = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(grace);
}

const GRACE_MS = 3000;
