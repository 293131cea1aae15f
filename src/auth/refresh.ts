/** Exchanges a refresh token for new tokens. One of the few places where a secret goes out on the wire. */

import { codeOf, GatewayError } from '../core/errors.js';
import type { Fetch } from '../core/fetch.js';
import { Reader, textOf } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import { desktopAuthHost, type HostOverrides, isProfileArn, oidcHost } from '../kiro/calls.js';
import type { ExternalIdpCredential, RefreshableCredential, Tokens } from './credential.js';
import { readStart } from '../kiro/errors.js';
import { demand, find, readWord } from './json-login.js';

/** What asking a login service takes: that of Kiro, or AWS SSO OIDC. */
export type LoginServiceTools = {
  readonly fetch: Fetch;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** May reject when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly overrides: HostOverrides;
  readonly userAgent: string;
};

export type RefreshDependencies = LoginServiceTools & {
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
  const service = serviceOf(credential, request);
  const limit = AbortSignal.timeout(tools.timeoutMs ?? TIMEOUT_MS);
  let failure = unreachable(service);
  for (const pauseMs of PAUSES_MS) {
    if (pauseMs > 0) await tools.sleep(pauseMs, limit).catch(() => undefined);
    if (limit.aborted) break;
    try {
      const { status, text } = await post(service, request, tools, limit);
      if (status >= 300) throw refusal(service, status, text) ?? deadLogin(credential, tools.command);
      return readAnswer(service, text, (answer) => readTokens(answer, credential, tools.now()));
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.kind !== 'upstream-unavailable') throw thrown;
      failure = thrown;
      if (thrown.facts.reason === BLOCKED) break;
    }
  }
  throw new GatewayError(failure.kind, failure.message, { ...failure.facts, hasBeenRepeated: true });
}

/** Completes "… login service". */
function serviceOf({ kind }: RefreshableCredential, { url }: ServiceRequest): string {
  return kind === 'social' ? "Kiro's" : kind === 'oidc' ? "AWS's" : `${new URL(url).host}'s`;
}

/** A refused token that is too short to be one is worth a word: the Kiro IDE has written such. No rule tells the length. */
function deadLogin({ refreshToken }: RefreshableCredential, command: string | undefined): GatewayError {
  const remedy = command === undefined ? USUAL_REMEDY : `Run \`${command}\` and try again.`;
  const suspicion = refreshToken.reveal().length < SHORTEST_TOKEN ? ' The refresh token looks cut short.' : '';
  const message = `Your Kiro login has expired. ${remedy}${suspicion}`;
  return new GatewayError('login-expired', message, { reason: 'dead-login' });
}

type ServiceRequest = { readonly url: string; readonly contentType: string; readonly body: string };

function requestFor(credential: RefreshableCredential, overrides: HostOverrides): ServiceRequest {
  const refreshToken = credential.refreshToken.reveal();
  switch (credential.kind) {
    case 'social':
      return jsonRequest(`${desktopAuthHost(credential.region, overrides)}/refreshToken`, { refreshToken });
    case 'oidc': {
      const { clientId, region } = credential;
      const clientSecret = credential.clientSecret.reveal();
      const body = { grantType: 'refresh_token', clientId, clientSecret, refreshToken };
      return jsonRequest(`${oidcHost(region, overrides)}/token`, body);
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

export function jsonRequest(url: string, body: object): ServiceRequest {
  return { url, contentType: 'application/json', body: JSON.stringify(body) };
}

/** The endpoint comes from a file: it gets the token only over https and only on the issuer's own host. */
function checkedEndpoint({ tokenEndpoint, issuerUrl }: ExternalIdpCredential): string {
  const endpoint = URL.canParse(tokenEndpoint) ? new URL(tokenEndpoint) : undefined;
  const issuer = URL.canParse(issuerUrl) ? new URL(issuerUrl) : undefined;
  const isSafe = endpoint?.protocol === 'https:' && endpoint.username === '' && endpoint.password === '';
  if (endpoint !== undefined && isSafe && endpoint.host === issuer?.host) return endpoint.href;
  const problem = "This login names a token endpoint that is not https on its issuer's own host";
  throw new GatewayError('not-logged-in', `${problem}, so nothing was sent; sign in again.`);
}

/**
 * @param service Whose login service it is.
 * @throws GatewayError `upstream-unavailable` when it cannot be reached or is out of order.
 */
export async function post(
  service: string,
  { url, contentType, body }: ServiceRequest,
  { fetch, userAgent }: LoginServiceTools,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const headers = { 'content-type': contentType, accept: 'application/json', 'user-agent': userAgent };
  try {
    // A token must not travel on to a host that an answer names.
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal });
    const { status } = response;
    // A refusal's status says enough when its body does not come; with 400, only the body says what is refused.
    const text = await (status <= 400 ? response.text() : readStart(response));
    if (status === 429 || status >= 500) throw outOfOrder(service, status);
    return { status, text };
  } catch (thrown) {
    // What is ours already is said of a proxy on the way.
    throw thrown instanceof GatewayError ? thrown : unreachable(service, thrown);
  }
}

/** @throws GatewayError `upstream-protocol`, in a sentence that says whose answer it is and which field is wrong. */
export function readAnswer<Value>(service: string, text: string, read: (answer: Reader) => Value): Value {
  try {
    return read(new Reader(JSON.parse(text), 'upstream-protocol', 'the answer'));
  } catch (thrown) {
    // Without the cause: node quotes the text it could not parse, and this one may hold tokens.
    const problem = thrown instanceof GatewayError ? `what the gateway cannot read (${thrown.message})` : undefined;
    const sentence = `${service} login service answered with ${problem ?? 'something that is not JSON'}; try again.`;
    throw new GatewayError('upstream-protocol', sentence);
  }
}

/** Undefined when what is refused is the login. */
function refusal(service: string, status: number, text: string): GatewayError | undefined {
  if (status === 403 && text.trimStart().startsWith('<')) {
    // CloudFront answers a blocked network or country with a page; the login itself is not judged by it.
    const message = `${service} login service refuses this network (HTTP 403); try another network.`;
    return new GatewayError('upstream-unavailable', message, { reason: BLOCKED });
  }
  if (OUT_OF_ORDER.test(text)) return outOfOrder(service, status);
  if (status === 401 || status === 403 || DEAD_LOGIN.test(text)) return undefined;
  const message = `${service} login service did not understand the gateway (HTTP ${status}); sign in again, or report this.`;
  return new GatewayError('upstream-protocol', message);
}

/** What a login service grants; a missing refresh token means that the old one stays valid. */
export function readTokens(
  answer: Reader,
  { refreshToken, profileArn }: Pick<RefreshableCredential, 'refreshToken' | 'profileArn'>,
  now: number,
): Tokens {
  const [newToken, arn] = [find(answer, 'refreshToken'), textOf(find(answer, 'profileArn')?.value)];
  // Some identity providers write the number as a text. What is odd beside the tokens must not cost them.
  const life = Number(textOf(find(answer, 'expiresIn')?.value));
  const seconds = life > 0 ? Math.min(life, LONGEST_LIFE_SECONDS) : USUAL_LIFE_SECONDS;
  return {
    accessToken: readWord(demand(answer, 'accessToken')),
    refreshToken: newToken === undefined ? refreshToken : new Secret(newToken.string()),
    expiresAt: now + seconds * 1000,
    profileArn: profileArn ?? (isProfileArn(arn) ? arn : undefined),
  };
}

function outOfOrder(service: string, status: number): GatewayError {
  const message = `${service} login service is out of order (HTTP ${status}); try again in a minute.`;
  return new GatewayError('upstream-unavailable', message);
}

function unreachable(service: string, cause?: unknown): GatewayError {
  const code = codeOf(cause);
  const message = `${service} login service cannot be reached${code && ` (${code})`}; check the network and try again.`;
  return new GatewayError('upstream-unavailable', message, { cause });
}

const USUAL_REMEDY = 'Run `kiro-cli login` (or sign in again in the Kiro IDE) and try again.';

const BLOCKED = 'blocked-network';

/** From AWS SSO OIDC (`error` and `__type`), the desktop service and OAuth identity providers. */
const DEAD_LOGIN =
  /invalid[_ ]?grant|(?:expired|invalid)[_ ]?(?:refresh )?token|token (?:(?:has|is) )?(?:expired|invalid)|expired_?client|client is expired|invalid_?client|unauthorized_?client|refresh_token_reused|revoked|access_?denied|(?:interaction|login|consent)_required/i;
const OUT_OF_ORDER = /slow_?down|temporarily_unavailable|server_error|throttling|too_?many_?requests|internalserver/i;

export const TIMEOUT_MS = 30_000;
/** Before each try. */
const PAUSES_MS = [0, 500, 2000] as const;
/** Kiro's have some 230 characters. */
const SHORTEST_TOKEN = 100;
const USUAL_LIFE_SECONDS = 3600;
const LONGEST_LIFE_SECONDS = 365 * 24 * 3600;
