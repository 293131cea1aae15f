/** The second door to the network, for URLs in prompts: one GET to addresses that were checked, without a proxy. */

import type { LookupAddress } from 'node:dns';
import type { RequestOptions } from 'node:https';
import { isIPv6, type LookupFunction } from 'node:net';

export type Web = {
  /** All addresses of a host. */
  resolve(host: string): Promise<readonly string[]>;
  /** Connects to these addresses only, follows no redirect, and tells the server nothing but host and path. */
  get(url: URL, addresses: readonly string[], signal: AbortSignal): Promise<WebResponse>;
};

export type WebResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
  readonly close: () => void;
};

export async function createWeb(tls: Pick<RequestOptions, 'ca'> = {}): Promise<Web> {
  const { lookup } = await import('node:dns/promises');
  const { request } = await import('node:https');
  return {
    async resolve(host) {
      return (await lookup(host, { all: true })).map(({ address }) => address);
    },

    get: (url, addresses, signal) =>
      new Promise((resolve, reject) => {
        const asking = request({
          ...tls,
          host: hostOf(url),
          port: url.port || 443,
          path: `${url.pathname}${url.search}`,
          lookup: pinnedTo(addresses),
          agent: false,
          signal,
        });
        asking.on('error', reject);
        asking.once('response', (incoming) => {
          // An abort may come while nobody reads.
          incoming.on('error', () => undefined);
          const close = () => void incoming.destroy();
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming, close });
        });
        asking.end();
      }),
  };
}

/** Without the brackets that a URL puts around an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

/** Asking the name's server once more could give another answer than the one that was checked. */
function pinnedTo(addresses: readonly string[]): LookupFunction {
  const known = addresses.map((address): LookupAddress => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return (_, { all }, tell) => {
    const [first = { address: '', family: 4 }] = known;
    if (all === true) tell(null, known);
    else tell(null, first.address, first.family);
  };
}
