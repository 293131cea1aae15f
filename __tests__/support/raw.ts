/** HTTP by hand, on a bare socket: for what no client library would send. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export type RawAnswer = { readonly status: number; readonly head: string; readonly body: string };

export type Exchange = {
  readonly answers: readonly RawAnswer[];
  /** True when the server ended the connection. */
  readonly isClosed: boolean;
};

/** A connection that never fails the test by its own errors. */
export async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends the bytes as they stand, and waits for so many answers or the end of the connection. */
export async function exchange(url: string, bytes: string | Buffer, expected = 1): Promise<Exchange> {
  const socket = await dial(url);
  socket.write(bytes);
  const exchanged = await readAnswers(socket, expected);
  socket.destroy();
  return exchanged;
}

export async function readAnswers(socket: Socket, expected: number): Promise<Exchange> {
  let received = Buffer.alloc(0);
  let isClosed = false;
  return new Promise((resolve) => {
    const look = (): void => {
      const answers = splitAnswers(received, isClosed);
      if (answers.length >= expected || isClosed) resolve({ answers, isClosed });
    };
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      look();
    });
    for (const end of ['end', 'close']) {
      socket.on(end, () => {
        isClosed = true;
        look();
      });
    }
  });
}

/** Those that are whole; one without a length ends with the connection. Interim answers are left out. */
function splitAnswers(bytes: Buffer, isClosed: boolean): readonly RawAnswer[] {
  const text = bytes.toString('latin1');
  const answers: RawAnswer[] = [];
  for (let at = 0; at < text.length;) {
    const bodyAt = text.indexOf('\r\n\r\n', at) + 4;
    if (bodyAt === 3) break;
    const head = text.slice(at, bodyAt - 4);
    const status = Number(head.split(' ')[1]);
    const length = /^content-length: (\d+)$/im.exec(head)?.[1];
    at = status < 200 ? bodyAt : length === undefined ? text.length : bodyAt + Number(length);
    if (at > text.length || (status >= 200 && length === undefined && !isClosed)) break;
    if (status >= 200) answers.push({ status, head, body: bytes.toString('utf8', bodyAt, at) });
  }
  return answers;
}
