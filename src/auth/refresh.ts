/** Exchanges a refresh token for new tokens. One of the few places where a secret goes out on the wire. */

import { GatewayError } from '../core/errors.js';
import type { Fetch, FetchResponse } from '../core/fetch.js';
import { Reader } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import { desktopAuthHost, type HostOverrides, isProfileArn, oidcHost } from '../kiro/endpoints.js';
import { type ExternalIdpCredential, looksCutShort, type RefreshableCredential, type Tokens } from './credential.js';

export type RefreshDependencies = {
  readonly fetch: Fetch;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** May reject when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly overrides: HostOverrides;
  readonly userAgent: string;
  /** For all tries together. */
  readonly timeoutMs?: number | undefined;
  /** What makes the login anew when it is dead. */
  readonly command?: string | undefined;
};

/**
 * @throws GatewayError `login-expired` when the refresh token is dead, `upstream-unavailable` when the service cannot
 * be reached or is out of order (after three tries), `upstream-protocol` when it answers with something else.
 */
export async function refreshCredential(
  credential: RefreshableCredential,
  tools: RefreshDependencies,
): Promise<Tokens> {
  const request = requestFor(credential, tools.overrides);
  const limit = AbortSignal.timeout(tools.timeoutMs ?? TIMEOUT_MS);
  let failure: GatewayError | undefined;
  for (const pauseMs of PAUSES_MS) {
    if (pauseMs > 0 && !(await pause(pauseMs, tools, limit))) break;
    const outcome = await attempt(request, tools, limit);
    switch (outcome.type) {
      case 'answer':
        return readTokens(outcome.text, credential, tools.now());
      case 'refused':
        throw withAdvice(outcome.error, credential, tools.command);
      case 'out-of-order':
        failure = outcome.error;
    }
  }
  throw failure ?? unreachable();
}

/** A refused token that is too short to be one is worth a word: the Kiro IDE has written such. */
function withAdvice(
  refusal: GatewayError,
  { refreshToken }: RefreshableCredential,
  command: string | undefined,
): GatewayError {
  if (refusal.kind !== 'login-expired') return refusal;
  const remedy = command === undefined ? USUAL_REMEDY : `Run \`${command}\` and try again.`;
  const suspicion = looksCutShort(refreshToken) ? ' The refresh token at hand looks cut short.' : '';
  return new GatewayError(refusal.kind, `${refusal.message} ${remedy}${suspicion}`, refusal.facts);
}

type TokenRequest = { readonly url: string; readonly contentType: string; readonly body: string };

/** `out-of-order` is worth another try. */
type Outcome =
  | { readonly type: 'answer'; readonly text: string }
  | { readonly type: 'refused'; readonly error: GatewayError }
  | { readonly type: 'out-of-order'; readonly error: GatewayError };

function requestFor(credential: RefreshableCredential, overrides: HostOverrides): TokenRequest {
  const refreshToken = credential.refreshToken.reveal();
  switch (credential.kind) {
    case 'social':
      return {
        url: `${desktopAuthHost(credential.region, overrides)}/refreshToken`,
        contentType: 'application/json',
        body: JSON.stringify({ refreshToken }),
      };
    case 'oidc': {
      const { clientId } = credential;
      const clientSecret = credential.clientSecret.reveal();
      return {
        url: `${oidcHost(credential.region, overrides)}/token`,
        contentType: 'application/json',
        body: JSON.stringify({ grantType: 'refresh_token', clientId, clientSecret, refreshToken }),
      };
    }
    case 'external-idp': {
      const form = { grant_type: 'refresh_token', client_id: credential.clientId, refresh_token: refreshToken };
      const scope = credential.scopes.length === 0 ? {} : { scope: credential.scopes.join(' ') };
      return {
        url: checkedEndpoint(credential),
        contentType: 'application/x-www-form-urlencoded',
        body: new URLSearchParams({ ...form, ...scope }).toString(),
      };
    }
  }
}

/** The endpoint comes from a file: it gets the token only over https and only on the issuer's own host. */
function checkedEndpoint({ tokenEndpoint, issuerUrl }: ExternalIdpCredential): string {
  const endpoint = URL.canParse(tokenEndpoint) ? new URL(tokenEndpoint) : undefined;
  const issuer = URL.canParse(issuerUrl) ? new URL(issuerUrl) : undefined;
  const isSafe = endpoint?.protocol === 'https:' && endpoint.username === '' && endpoint.password === '';
  if (endpoint !== undefined && isSafe && endpoint.host === issuer?.host) return endpoint.href;
  throw new GatewayError(
    'not-logged-in',
    "This login names a token endpoint that is not https on its issuer's own host, so nothing was sent; sign in again.",
  );
}

async function attempt(request: TokenRequest, tools: RefreshDependencies, signal: AbortSignal): Promise<Outcome> {
  try {
    const response = await tools.fetch(request.url, {
      method: 'POST',
      headers: { 'content-type': request.contentType, accept: 'application/json', 'user-agent': tools.userAgent },
      body: request.body,
      // A token must not travel on to a host that an answer names.
      redirect: 'error',
      signal,
    });
    return judge(response, await response.text());
  } catch (thrown) {
    // What is ours already is said of a proxy on the way, and a wrong password of a proxy stays wrong.
    const error = thrown instanceof GatewayError ? thrown : unreachable(thrown);
    return { type: error.kind === 'upstream-unavailable' ? 'out-of-order' : 'refused', error };
  }
}

function judge({ status, headers }: FetchResponse, text: string): Outcome {
  if (status >= 200 && status < 300) return { type: 'answer', text };
  const isHtml = (headers.get('content-type') ?? '').includes('html') || text.trimStart().startsWith('<');
  if (status === 403 && isHtml) return { type: 'refused', error: new GatewayError('upstream-unavailable', BLOCKED) };
  if (status === 429 || status >= 500 || OUT_OF_ORDER.test(text)) {
    const message = `Kiro's login service is out of order (HTTP ${status}); try again in a minute.`;
    return { type: 'out-of-order', error: new GatewayError('upstream-unavailable', message) };
  }
  if (status === 401 || status === 403 || DEAD_LOGIN.test(text)) {
    return { type: 'refused', error: new GatewayError('login-expired', 'Your Kiro login has expired.') };
  }
  const message = `Kiro's login service did not understand the gateway (HTTP ${status}); sign in again, or report this.`;
  return { type: 'refused', error: new GatewayError('upstream-protocol', message) };
}

/** A missing refresh token means that the old one stays valid. */
function readTokens(text: string, credential: RefreshableCredential, now: number): Tokens {
  const answer = parseAnswer(text);
  const find = (camel: string, snake: string): Reader | undefined => answer.optional(camel) ?? answer.optional(snake);
  const refreshToken = find('refreshToken', 'refresh_token')?.string() ?? '';
  const profileArn = find('profileArn', 'profile_arn')?.string() ?? '';
  return {
    accessToken: new Secret((find('accessToken', 'access_token') ?? answer.get('accessToken')).nonEmptyString()),
    refreshToken: refreshToken === '' ? credential.refreshToken : new Secret(refreshToken),
    expiresAt: now + readLifeSeconds(find('expiresIn', 'expires_in')) * 1000,
    profileArn: credential.profileArn ?? (isProfileArn(profileArn) ? profileArn : undefined),
  };
}

/** Some identity providers write the number as a text. */
function readLifeSeconds(life: Reader | undefined): number {
  if (life === undefined) return USUAL_LIFE_SECONDS;
  const seconds = life.isString() ? Number(life.string()) : life.number();
  return seconds > 0 ? seconds : life.fail('must be a number of seconds');
}

function parseAnswer(text: string): Reader {
  try {
    return new Reader(JSON.parse(text), 'upstream-protocol', 'the token answer');
  } catch {
    // Without the cause: node quotes the text it could not parse, and this one may hold tokens.
    throw new GatewayError('upstream-protocol', "Kiro's login service answered with something that is not JSON.");
  }
}

/** False when there is no time left for another try. */
async function pause(milliseconds: number, tools: RefreshDependencies, signal: AbortSignal): Promise<boolean> {
  try {
    await tools.sleep(milliseconds, signal);
  } catch {
    return false;
  }
  return !signal.aborted;
}

function unreachable(cause?: unknown): GatewayError {
  const message = "Kiro's login service cannot be reached; check the network and try again.";
  return new GatewayError('upstream-unavailable', message, { cause });
}

const USUAL_REMEDY = 'Run `kiro-cli login` (or sign in again in the Kiro IDE) and try again.';

/** CloudFront answers a blocked network or country with a page; the login itself is not judged by it. */
const BLOCKED = "This network is not let through to Kiro's login service (HTTP 403); try another network.";

/** From AWS SSO OIDC (`error` and `__type`), the desktop service and OAuth identity providers. */
const DEAD_LOGIN =
  /invalid_?grant|invalid refresh token|invalid grant|expired_?token|invalid_?token|expired_?client|client is expired|invalid_?client|unauthorized_?client|refresh_token_reused|revoked|access_denied|accessdenied/i;
const OUT_OF_ORDER = /slow_?down|temporarily_unavailable|server_error|throttling|too_?many_?requests|internalserver/i;

const TIMEOUT_MS = 30_000;
/** Before each try. */
const PAUSES_MS = [0, 500, 2000] as const;
const USUAL_LIFE_SECONDS = 3600;
