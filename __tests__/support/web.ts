/** A web of one real https server with a certificate of its own, behind names and addresses that a test makes up. */

import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';

import { createWeb, type Web } from '../../src/remote-media.js';
import { PNG } from './images.js';
import { listen } from './sockets.js';

export { PNG } from './images.js';

export type TestWeb = {
  readonly web: Web;
  /** The server's own; its name is in the certificate. */
  readonly origin: string;
  /** Each request: the addresses that were to be connected to, and what arrived. */
  readonly asked: { readonly addresses: readonly string[]; readonly path: string; readonly headers: object }[];
  readonly close: () => void;
};

export type Page = (response: ServerResponse, request: IncomingMessage) => void;

/** @param names Addresses by host; `kiro.test` has a public one. */
export async function startWeb(
  pages: Readonly<Record<string, Page>>,
  names: Readonly<Record<string, readonly string[]>> = {},
): Promise<TestWeb> {
  const pem = (name: string) => readFileSync(join(import.meta.dirname, '..', 'fixtures', 'tls', name));
  const certificate = pem('certificate.pem');
  const asked: { addresses: readonly string[]; path: string; headers: object }[] = [];
  let aimed: readonly string[] = [];
  const server = createServer({ key: pem('key.pem'), cert: certificate }, (request, response) => {
    const path = request.url ?? '';
    asked.push({ addresses: aimed, path, headers: request.headers });
    const page = pages[path];
    if (page === undefined) response.writeHead(404).end();
    else page(response, request);
  });
  const [, port] = (await listen(server)).split(':');
  const real = await createWeb({ ca: certificate });
  const known: Readonly<Record<string, readonly string[]>> = { 'kiro.test': [PUBLIC], ...names };
  const web: Web = {
    resolve: (host) => {
      const addresses = known[host];
      const missing = Object.assign(new Error('no such host'), { code: 'ENOTFOUND' });
      return addresses === undefined ? Promise.reject(missing) : Promise.resolve(addresses);
    },
    get: (url, addresses, signal) => {
      aimed = addresses;
      return real.get(url, ['127.0.0.1'], signal);
    },
  };
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { web, origin: `https://kiro.test:${port}`, asked, close };
}

export const PUBLIC = '93.184.216.34';

export const png = Buffer.from(PNG, 'base64');

export const send =
  (type: string, body: Uint8Array | string, more: Record<string, string> = {}): Page =>
  (response) =>
    void response.writeHead(200, { 'content-type': type, ...more }).end(body);
export const to =
  (location: string): Page =>
  (response) =>
    void response.writeHead(302, { location }).end();
