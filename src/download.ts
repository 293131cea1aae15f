/** One file from the public internet: https only, every address checked at every redirect, small, never compressed. */

import { isIP } from 'node:net';

import { untilAborted } from './core/wait.js';
import { isPublicAddress } from './public-address.js';
import { hostOf, type Web, type WebResponse } from './web.js';

export type Download = {
  /** As the server states it, with its parameters. */
  readonly mediaType: string;
  readonly bytes: Buffer;
};

/** Why a URL is not fetched, or not to its end, as the model and the client may read it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** @throws Refusal, or what the network throws. */
export async function download(web: Web, start: string, signal: AbortSignal): Promise<Download> {
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
  const host = hostOf(url);
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
