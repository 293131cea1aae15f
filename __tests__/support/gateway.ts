/** The whole gateway in this process: `serve` with a context of ours, in front of a simulator, on real sockets. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { serve } from '../../src/commands/serve.js';
import { createContext, type Context } from '../../src/context.js';
import type { ReceivedRequest } from '../../src/simulator/exchange.js';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/server.js';
import type { Terminal } from '../../src/terminal/terminal.js';
import type { Web } from '../../src/remote-media.js';
import { REUSABLE } from './stored-login.js';

export { REUSABLE as REFRESH_TOKEN } from './stored-login.js';
export { until } from './sockets.js';

export const GATEWAY_KEY = 'gateway-key-of-the-tests-0123456789';

export type RunningGateway = {
  readonly url: string;
  readonly key: string;
  readonly simulator: Simulator;
  /** Everything the gateway has said on either voice so far. */
  readonly said: () => string;
  /** Its own files. */
  readonly home: string;
  /** What Kiro was asked on the chat endpoint. */
  readonly asked: () => readonly ReceivedRequest[];
  readonly close: () => Promise<void>;
};

export type GatewayOptions = SimulatorOptions & {
  readonly env?: Readonly<Record<string, string>>;
  /** In place of the internet. */
  readonly web?: Web;
};

/** Logs at DEBUG, asks Kiro once per request, and does not pause. */
export async function startGateway({ env = {}, web, ...options }: GatewayOptions = {}): Promise<RunningGateway> {
  const simulator = await startSimulator({ pace: 'none', ...options });
  const home = await mkdtemp(join(tmpdir(), 'kiro-gateway-test-'));
  const stop = new AbortController();
  const { terminal, said, started } = memoryTerminal();
  const context: Context = {
    ...createContext(),
    terminal,
    machine: { platform: process.platform, env: { ...environment(simulator, home), ...env }, homeDirectory: home },
    workingDirectory: home,
    stopSignal: () => stop.signal,
    ...(web !== undefined && { loadWeb: () => Promise.resolve(web) }),
  };
  const serving = serve([], {}, context);
  // A start that fails must not leave the test waiting for its banner.
  const ended = serving.then((code) => Promise.reject(new Error(`serve ended with ${code}: ${said()}`)));
  let url: string;
  try {
    url = await Promise.race([started, ended]);
  } catch (thrown) {
    await simulator.close();
    await rm(home, { recursive: true, maxRetries: 5 });
    throw thrown;
  }
  ended.catch(() => undefined);
  return {
    url,
    key: GATEWAY_KEY,
    simulator,
    said,
    home,
    asked: () => simulator.requests.filter(({ path }) => path === '/generateAssistantResponse'),
    close: async () => {
      stop.abort();
      await serving;
      await simulator.close();
      await rm(home, { recursive: true, maxRetries: 5 });
    },
  };
}

function environment({ url }: Simulator, home: string): Record<string, string> {
  return {
    SERVER_PORT: '0',
    PROXY_API_KEY: GATEWAY_KEY,
    REFRESH_TOKEN: REUSABLE,
    KIRO_API_URL: url,
    KIRO_MANAGEMENT_URL: url,
    KIRO_AUTH_URL: url,
    KIRO_OIDC_URL: url,
    KIRO_GATEWAY_HOME: home,
    LOG_LEVEL: 'DEBUG',
    MAX_RETRIES: '1',
    BASE_RETRY_DELAY: '0',
    MAX_CONCURRENT_REQUESTS: '0',
  };
}

function memoryTerminal(): { terminal: Terminal; said: () => string; started: Promise<string> } {
  const texts: string[] = [];
  let tellUrl: (url: string) => void = () => undefined;
  const started = new Promise<string>((resolve) => {
    tellUrl = resolve;
  });
  const write = (text: string): void => {
    texts.push(text);
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
    if (url !== undefined && text.includes('listens on')) tellUrl(url);
  };
  const terminal: Terminal = {
    isInteractive: false,
    columns: undefined,
    aside: write,
    style: new Chalk({ level: 0 }),
    result: (text) => {
      write(text);
      return Promise.resolve(true);
    },
    note: (line) => write(`${line}\n`),
    log: write,
    talkStyle: new Chalk({ level: 0 }),
    talkColumns: () => undefined,
    live: undefined,
  };
  return { terminal, said: () => texts.join(''), started };
}
