/** Who is calling: the bearer and the `tokentype` header that belongs to its kind. */
import type { IncomingHttpHeaders } from 'node:http';
import type { TokenDesk } from './tokens.js';

export type Caller = { readonly usesApiKey: boolean };

/** Nothing when the bearer is unknown, expired, revoked, or comes with the wrong token type. */
export function identify(headers: IncomingHttpHeaders, desk: TokenDesk): Caller | undefined {
  const bearer = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  if (bearer === undefined) return undefined;
  const tokenType = headers['tokentype'];
  if (bearer.startsWith('ksk_')) return tokenType === 'API_KEY' ? { usesApiKey: true } : undefined;
  const kind = desk.kindOf(bearer);
  const expected = kind === 'external' ? 'EXTERNAL_IDP' : undefined;
  return kind !== undefined && tokenType === expected ? { usesApiKey: false } : undefined;
}
