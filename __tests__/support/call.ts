/**
 * A command line in this process, with streams and surroundings of its own: all that `command.ts` shows but the process
 * itself, in a tenth of the time. What a person's shell does to a process, such as its signals, is shown there.
 */

// What commands load while they run is loaded before: jest fails when two loads at once share a module.
import { Writable } from 'node:stream';
import '../../src/commands/account.js';
import '../../src/commands/chat.js';
import '../../src/commands/doctor.js';
import '../../src/commands/login.js';
import '../../src/commands/login-desk.js';
import '../../src/commands/run.js';
import '../../src/commands/serve.js';
import '../../src/commands/status.js';
import '../../src/demo.js';
import '../../src/outbound.js';
import '../../src/server/app.js';
import '../../src/server/debug-capture.js';
import '../../src/server/http-server.js';
import '../../src/simulator/server.js';
import 'node-fetch';
import { main } from '../../src/cli.js';
import { createContext, type Context } from '../../src/context.js';
import { createKeychain } from '../../src/auth/keychain.js';
import { createTerminal } from '../../src/terminal/terminal.js';
import { withDefaults, type Ended, type Served, type Surroundings } from './command.js';
import { noKeytar } from './fake-keytar.js';

/** The command to its end, without a terminal and without a keychain. */
export async function call(args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
  const { ended, output } = begin(args, surroundings);
  return { code: await ended, ...output };
}

/** `serve` on a free port, once it says where it listens. Rejects when it ends before that. */
export async function callServe(args: readonly string[] = [], surroundings: Surroundings = {}): Promise<Served> {
  const { ended, output, stop, home, told } = begin(['serve', '--port', '0', ...args], surroundings);
  const early = ended.then((code) => Promise.reject(new Error(`serve ended with ${code}: ${output.stderr}`)));
  const url = await Promise.race([told(/listens on (http:\/\/\S+)\n[^]*\nkey /), early]);
  early.catch(() => undefined);
  return {
    url,
    home,
    output,
    stop: (signal = 'SIGTERM') => {
      stop.abort(signal);
      return ended;
    },
  };
}

function begin(args: readonly string[], surroundings: Surroundings) {
  const { home, env, workingDirectory, input } = withDefaults(surroundings);
  const output = { stdout: '', stderr: '' };
  const heard = new EventTarget();
  const into = (name: keyof typeof output): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        output[name] += chunk.toString();
        heard.dispatchEvent(new Event('text'));
        done();
      },
    });
  const stop = new AbortController();
  const real = createContext();
  const keychain = createKeychain({
    platform: process.platform,
    sleep: real.sleep,
    randomId: real.randomId,
    load: noKeytar,
  });
  const context: Context = {
    ...real,
    terminal: createTerminal({ stdout: into('stdout'), stderr: into('stderr'), once: () => undefined }, env),
    machine: { platform: process.platform, env, homeDirectory: env['HOME'] ?? home },
    workingDirectory,
    loadFetch: async (proxyUrl) => (await import('../../src/outbound.js')).createOutboundFetch({ proxyUrl, env }),
    keychain: () => keychain,
    loadPrompts: () => Promise.resolve(undefined),
    readPiped: () => Promise.resolve(Buffer.from(input)),
    stopSignal: () => stop.signal,
    onUncaught: () => () => undefined,
    runProgram: () => Promise.resolve(false),
  };
  const told = (what: RegExp): Promise<string> =>
    new Promise((resolve) => {
      heard.addEventListener('text', () => {
        const found = what.exec(output.stdout)?.[1];
        if (found !== undefined) resolve(found);
      });
    });
  return { ended: main(args, context), output, home, stop, told };
}
