/** What tests with sockets share: a port of one's own, and waiting for what the other end brings about. */

import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/** @returns the address, as `127.0.0.1:3128`. */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A TCP server's address is never a text.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Waits until something is so; only the test's own time limit ends it otherwise. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}
