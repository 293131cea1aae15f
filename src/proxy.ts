/** Which proxy leads to a host: from the setting and from the usual variables. */

import { isIPv6 } from 'node:net';

export type Proxy = {
  readonly scheme: 'http' | 'https' | 'socks5' | 'socks5h';
  /** With user name and password, percent-encoded. */
  readonly url: string;
  readonly host: string;
  /** Host and port, for people. */
  readonly address: string;
};

/** Undefined when the text names no proxy. Without a scheme it is a plain HTTP proxy. */
export function readProxyUrl(text: string): Proxy | undefined {
  const written = text.trim();
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(written) ? written : `http://${written}`;
  if (!URL.canParse(full)) return undefined;
  const { protocol, hostname: host, port: givenPort, pathname, search, hash, username, password } = new URL(full);
  const [scheme, usualPort] = SCHEMES.get(protocol) ?? [];
  const isPlain = host !== '' && /^\/?$/.test(pathname + search + hash);
  if (scheme === undefined || !isPlain || !isDecodable(username + password)) return undefined;
  const user = username === '' ? '' : `${username}${password === '' ? '' : `:${password}`}@`;
  const address = `${host}:${givenPort || usualPort}`;
  return { scheme, url: `${scheme}://${user}${address}`, host, address };
}

/**
 * The proxy for a URL. The setting wins over the environment, where the names in lower case win over those in capitals,
 * as curl has it. NO_PROXY counts for both.
 * @param setting VPN_PROXY_URL.
 * @returns `invalid` with the variable's name when the environment names something that is no proxy.
 */
export function proxyFor(
  target: string,
  setting: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Proxy | { readonly invalid: string } | undefined {
  const url = new URL(target);
  if (isExcepted(url, variable('NO_PROXY', env)?.value ?? '')) return undefined;
  if (setting !== undefined) return readProxyUrl(setting) ?? { invalid: 'VPN_PROXY_URL' };
  // The environment's proxies are set for all programs, and not meant for servers on this machine.
  if (isLoopback(url.hostname)) return undefined;
  const named = variable(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY', env) ?? variable('ALL_PROXY', env);
  if (named === undefined) return undefined;
  return readProxyUrl(named.value) ?? { invalid: named.name };
}

function variable(name: string, env: Readonly<Record<string, string | undefined>>) {
  for (const it of [name.toLowerCase(), name]) {
    const value = env[it]?.trim();
    if (value) return { name: it, value };
  }
  return undefined;
}

/** `*`, host names with everything below them, and addresses, each with a port or without. */
function isExcepted({ hostname, port, protocol }: URL, list: string): boolean {
  const host = withoutBrackets(hostname);
  const realPort = port || (protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    const { name, onlyPort } = splitPort(entry.toLowerCase());
    const excepted = name.replace(/^\*?\./, '');
    if (excepted === '' || (onlyPort !== undefined && onlyPort !== realPort)) return false;
    return host === excepted || host.endsWith(`.${excepted}`);
  });
}

/** `host`, `host:1`, `[::1]`, `[::1]:1` or, because people write it, `::1`. */
function splitPort(entry: string): { readonly name: string; readonly onlyPort: string | undefined } {
  const [, name = entry, onlyPort] = /^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
  return { name: withoutBrackets(name), onlyPort };
}

function isLoopback(hostname: string): boolean {
  const host = withoutBrackets(hostname);
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** An IPv6 address as Node takes it; in a URL it stands in brackets. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** A host as URLs have it: `LOCALHOST`, `127.1` and `0:0:0:0:0:0:0:1` are then known for what they are. */
export function canonicalHost(host: string): string {
  const url = `http://${isIPv6(host) ? `[${host}]` : host}`;
  return URL.canParse(url) ? withoutBrackets(new URL(url).hostname) : host;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** The schemes of proxies, with their usual ports. */
const SCHEMES: ReadonlyMap<string, readonly [Proxy['scheme'], port: number]> = new Map([
  ['http:', ['http', 80]],
  ['https:', ['https', 443]],
  ['socks5:', ['socks5', 1080]],
  ['socks5h:', ['socks5h', 1080]],
  // What people write; names are resolved by the proxy, as in `socks5h`.
  ['socks:', ['socks5h', 1080]],
]);
