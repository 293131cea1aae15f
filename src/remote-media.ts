/** Images and documents that a client only points at: fetched from public hosts, or the note says why not. */

import type { LookupAddress } from 'node:dns';
import type { RequestOptions } from 'node:https';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import type { Conversation, RemoteMedia, ToolResultPart } from './core/conversation.js';
import { codeOf } from './core/errors.js';
import { untilAborted, within } from './core/signals.js';
import { imageFormatOf, isPdf } from './core/signatures.js';
import { documentFormatOf } from './dialects/content.js';
import { partsOf, replaceParts } from './kiro/media.js';
import { withoutBrackets } from './proxy.js';

export type FetchMedia = ReturnType<typeof createRemoteMedia>;

type RemoteMediaOptions = {
  readonly loadWeb: () => Promise<Web>;
  /** For all that one request points at. */
  readonly limitMs?: number;
};

/** What it returns never throws: what cannot be fetched stays a note for the model, and becomes a notice for the client. */
export function createRemoteMedia({ loadWeb, limitMs = LIMIT_MS }: RemoteMediaOptions) {
  return async (conversation: Conversation, signal: AbortSignal) => {
    // The newest are what is talked about, and more would not travel to Kiro anyway.
    const parts = conversation.messages.flatMap(partsOf).toReversed();
    const all = parts.flatMap((part) => (part.type === 'text' && part.remote !== undefined ? [part.remote.url] : []));
    const urls = [...new Set(all)].slice(0, MAX_URLS);
    if (urls.length === 0) return { conversation, notices: [] };
    const web = await loadWeb();
    const limited = within(signal, limitMs);
    const fetched = urls.map(async (url) => [url, await attempt(web, url, limited)] as const);
    const outcomes = new Map(await Promise.all(fetched));
    const notices = new Set<string>();
    const messages = replaceParts(conversation.messages, (part) => {
      if (part.type !== 'text' || part.remote === undefined) return undefined;
      const outcome = outcomes.get(part.remote.url) ?? `more than ${MAX_URLS} URLs`;
      const media = typeof outcome === 'string' ? outcome : toMedia(part.remote, outcome);
      if (typeof media !== 'string') return media;
      notices.add(`${part.remote.kind}s-left-out=url`);
      // `[image left out: <url>]` → `[image left out: <url>, <reason>]`
      return { type: 'text', text: `${part.text.replace(/\]$/, '')}, ${media}]` };
    });
    return { conversation: { ...conversation, messages }, notices: [...notices] };
  };
}

/** What was fetched, or why it was not. */
async function attempt(web: Web, url: string, signal: AbortSignal): Promise<Download | string> {
  try {
    return await download(web, url, signal);
  } catch (thrown) {
    if (signal.aborted) return 'it took too long';
    if (thrown instanceof Refusal) return thrown.message;
    return `it could not be fetched: ${codeOf(thrown) || 'no connection'}`;
  }
}

/** The bytes decide where they can: servers err, and what is no image after all would make Kiro refuse everything. */
function toMedia({ kind, url, name }: RemoteMedia, { mediaType, bytes }: Download): ToolResultPart | string {
  const data = bytes.toString('base64');
  const image = imageFormatOf(bytes);
  if (image !== undefined) return { type: 'image', format: image, data };
  const format = isPdf(bytes) ? 'pdf' : documentFormatOf(mediaType);
  const isSound = bytes.length > 0 && (format !== 'pdf' || isPdf(bytes));
  if (kind === 'document' && format !== undefined && isSound) {
    // `https://a.example/b/c.pdf?d` → `c.pdf`
    return { type: 'document', name: name || new URL(url).pathname.split('/').at(-1) || 'document', format, data };
  }
  return `it is not ${kind === 'image' ? 'an image' : 'a document'} that Kiro takes`;
}

const LIMIT_MS = 10_000;
/** As many images and documents as one request to Kiro carries. */
const MAX_URLS = 15;

// --- the internet: public hosts only, few redirects, bounded bytes and time

export type Web = {
  /** All addresses of a host. */
  resolve(host: string): Promise<readonly string[]>;
  /** Connects to these addresses only, follows no redirect, and tells the server nothing but host and path. */
  get(url: URL, addresses: readonly string[], signal: AbortSignal): Promise<WebResponse>;
};

type WebResponse = {
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
          host: withoutBrackets(url.hostname),
          port: url.port || 443,
          path: `${url.pathname}${url.search}`,
          lookup: pinnedTo(addresses),
          agent: false,
          signal,
        });
        asking.on('error', reject);
        asking.once('response', (incoming) => {
          // Without a listener an abort while nobody reads would end the process.
          incoming.on('error', () => undefined);
          const close = () => void incoming.destroy();
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming, close });
        });
        asking.end();
      }),
  };
}

/** A second lookup could give another address than the one that was checked. */
function pinnedTo(addresses: readonly string[]): LookupFunction {
  const known = addresses.map((address): LookupAddress => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return (_, { all }, tell) => {
    const [first = { address: '', family: 4 }] = known;
    if (all === true) tell(null, known);
    else tell(null, first.address, first.family);
  };
}

/** Every IPv4 address is public but for the special ones; of IPv6 only what is handed out for public use. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  if (isIPv6(address)) return UNICAST.check(address, 'ipv6') && !SPECIAL.check(address, 'ipv6');
  return !SPECIAL.check(address);
}

function listOf(...networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** Loopback, link-local, unique local, multicast, IPv4-mapped and NAT64 addresses all lie outside. */
const UNICAST = listOf('2000::/3');

const SPECIAL = listOf(
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT, and Alibaba's metadata
  '127.0.0.0/8', // loopback
  '168.63.129.16/32', // Azure's own services inside a virtual machine
  '169.254.0.0/16', // link-local, and the metadata of most clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments, and Oracle's metadata
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
  '2001::/23', // Teredo and other protocol assignments
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '3fff::/20', // documentation
);

type Download = {
  /** As the server states it, with its parameters. */
  readonly mediaType: string;
  readonly bytes: Buffer;
};

/** Why a URL is not fetched, or not to its end, as the model and the client may read it. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** @throws Refusal, or what the network throws. */
async function download(web: Web, start: string, signal: AbortSignal): Promise<Download> {
  let url = readUrl(start);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await web.get(url, await publicAddresses(web, url, signal), signal);
    try {
      const next = REDIRECTS.has(response.status) ? headerOf(response, 'location') : '';
      if (next === '') return { mediaType: headerOf(response, 'content-type'), bytes: await readBody(response) };
      url = readUrl(next, url);
    } finally {
      response.close();
    }
  }
  throw new Refusal(`more than ${MAX_REDIRECTS} redirects`);
}

function readUrl(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw new Refusal('not a URL');
  const url = new URL(text, base);
  if (url.protocol !== 'https:') throw new Refusal('only https is fetched');
  if (url.username !== '' || url.password !== '') throw new Refusal('a URL with a user name is not fetched');
  return url;
}

async function publicAddresses(web: Web, url: URL, signal: AbortSignal): Promise<readonly string[]> {
  const host = withoutBrackets(url.hostname);
  const addresses = isIP(host) === 0 ? await untilAborted(web.resolve(host), signal) : [host];
  if (addresses.length === 0) throw new Refusal('its host has no address');
  if (!addresses.every(isPublicAddress)) throw new Refusal('its host is not on the public internet');
  return addresses;
}

async function readBody(response: WebResponse): Promise<Buffer> {
  if (response.status !== 200) throw new Refusal(`its server answered ${response.status}`);
  if (!/^(identity)?$/i.test(headerOf(response, 'content-encoding'))) throw new Refusal('it came compressed');
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (Number(headerOf(response, 'content-length')) > MAX_BYTES) throw new Refusal(TOO_LARGE);
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Refusal(TOO_LARGE);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function headerOf({ headers }: WebResponse, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MAX_REDIRECTS = 3;
const MAX_BYTES = 10_000_000;
const TOO_LARGE = 'larger than 10 MB';
