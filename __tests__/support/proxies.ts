/** Two real proxies, with user names and passwords: HTTP with CONNECT, and SOCKS5. Both reach one address only. */

import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { listenForTest } from './upstream.js';

export type ProxyServer = {
  /** `127.0.0.1:3128` */
  readonly address: string;
  /** What it was asked to connect to, as `host:port`, granted or not. */
  readonly asked: readonly string[];
};

export type ProxyOptions = {
  /** Where every connection goes, whatever it was asked for; undefined: it reaches nothing. */
  readonly target: string | undefined;
  readonly user?: string;
  readonly password?: string;
};

/** Closed after the test. */
export async function startConnectProxy({ target, user, password }: ProxyOptions): Promise<ProxyServer> {
  const asked: string[] = [];
  const expected = user === undefined ? undefined : `Basic ${btoa(`${user}:${password ?? ''}`)}`;
  const server = createHttpServer((_, response) => void response.writeHead(501).end());
  server.on('connect', (request, socket: Socket) => {
    asked.push(request.url ?? '');
    socket.on('error', () => socket.destroy());
    if (expected !== undefined && request.headers['proxy-authorization'] !== expected) {
      return void socket.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="p"\r\n\r\n',
      );
    }
    if (target === undefined) return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    join(socket, target, () => void socket.write('HTTP/1.1 200 Connection Established\r\n\r\n'));
  });
  return { address: await listenForTest(server), asked };
}

/** RFC 1928 and 1929, as far as a client that connects to names and addresses needs them. Closed after the test. */
export async function startSocksProxy({ target, user, password = '' }: ProxyOptions): Promise<ProxyServer> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    void (async () => {
      const read = reader(socket);
      const [, methods = 0] = await read(2);
      const offered = [...(await read(methods))];
      const method = user === undefined ? NO_PASSWORD : WITH_PASSWORD;
      if (!offered.includes(method)) return void socket.end(Buffer.from([5, 0xff]));
      socket.write(Buffer.from([5, method]));
      if (method === WITH_PASSWORD) {
        await read(1);
        const [name, word] = [await readText(read), await readText(read)];
        const isRight = name === user && word === password;
        socket.write(Buffer.from([1, isRight ? 0 : 1]));
        if (!isRight) return void socket.end();
      }
      const [, , , kind] = await read(4);
      const host = kind === 3 ? await readText(read) : [...(await read(4))].join('.');
      asked.push(`${host}:${(await read(2)).readUInt16BE(0)}`);
      const answer = (code: number) => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
      if (target === undefined) return void socket.end(answer(HOST_UNREACHABLE));
      socket.removeAllListeners('readable');
      join(socket, target, () => void socket.write(answer(0)));
    })();
  });
  return { address: await listenForTest(server), asked };
}

/** Both ways, until one side ends. */
function join(socket: Socket, target: string, ready: () => void): void {
  const [host, port] = target.split(':');
  const other = connect(Number(port), host, () => {
    ready();
    socket.pipe(other).pipe(socket);
  });
  other.on('error', () => socket.destroy());
  socket.on('close', () => other.destroy());
  other.on('close', () => socket.destroy());
}

type Read = (length: number) => Promise<Buffer>;

function reader(socket: Socket): Read {
  return async (length) => {
    for (;;) {
      const bytes: unknown = length === 0 ? Buffer.alloc(0) : socket.read(length);
      if (bytes instanceof Buffer) return bytes;
      await once(socket, 'readable');
    }
  };
}

async function readText(read: Read): Promise<string> {
  const [length = 0] = await read(1);
  return (await read(length)).toString();
}

const NO_PASSWORD = 0;
const WITH_PASSWORD = 2;
const HOST_UNREACHABLE = 4;
