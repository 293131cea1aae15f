/** The sign-in service: social and OIDC refresh, the device flow, and which refresh and access tokens are alive. */

import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { answerJson, type Exchange, type HttpReply } from './exchange.js';
import { isRecord } from './request.js';

export const PROFILE_ARN = 'arn:aws:codewhisperer:us-east-1:111122223333:profile/SIMULATOR123';

/** A refresh token that always works, for a demonstration that must survive a restart. */
export const DEMO_REFRESH_TOKEN = `aorDemo${'SimulatedRefreshToken'.repeat(6)}`;

export type Caller = { readonly usesApiKey: boolean };

/** What an access token is checked against: its kind decides the `tokentype` header that must go with it. */
type TokenKind = 'social' | 'oidc' | 'external';

type IssuedTokens = { readonly accessToken: string; readonly refreshToken: string; readonly expiresIn: number };

export type TokenDesk = ReturnType<typeof createTokenDesk>;

export function createTokenDesk(accessTokenSeconds: number, now: () => number) {
  const accessTokens = new Map<string, { readonly kind: TokenKind; readonly expiresAt: number }>();
  const refreshTokens = new Set<string>();

  /** New tokens for someone who has just logged in. */
  function issue(kind: TokenKind): IssuedTokens {
    const accessToken = `aoa${randomText(TOKEN_BYTES)}`;
    const refreshToken = `aor${randomText(TOKEN_BYTES)}`;
    accessTokens.set(accessToken, { kind, expiresAt: now() + accessTokenSeconds * 1000 });
    refreshTokens.add(refreshToken);
    // Maps and sets keep the order of insertion, so the first key is the oldest.
    for (const tokens of [accessTokens, refreshTokens]) {
      const [oldest] = tokens.keys();
      if (tokens.size > MOST_TOKENS && oldest !== undefined) tokens.delete(oldest);
    }
    return { accessToken, refreshToken, expiresIn: accessTokenSeconds };
  }

  /** New tokens for a refresh token that is alive, and the end of that token. */
  function refresh(refreshToken: string, kind: TokenKind): IssuedTokens | undefined {
    const isAlive = EVERLASTING.test(refreshToken) || refreshTokens.delete(refreshToken);
    return isAlive ? issue(kind) : undefined;
  }

  /** Nothing when the bearer is unknown, expired, revoked, or comes with the wrong token type. */
  function identify({ authorization = '', tokentype }: IncomingHttpHeaders): Caller | undefined {
    const bearer = /^Bearer (\S+)$/.exec(authorization)?.[1];
    if (bearer === undefined) return undefined;
    if (bearer.startsWith('ksk_')) return tokentype === 'API_KEY' ? { usesApiKey: true } : undefined;
    const issued = accessTokens.get(bearer);
    if (issued === undefined || issued.expiresAt <= now()) return undefined;
    return tokentype === (issued.kind === 'external' ? 'EXTERNAL_IDP' : undefined) ? { usesApiKey: false } : undefined;
  }

  return { issue, refresh, identify, revokeAccessTokens: () => accessTokens.clear() };
}

/** The answer to a request for sign-in, or nothing when the path is none of its. */
export function createSignIn(desk: TokenDesk): (exchange: Exchange) => HttpReply | undefined {
  const polls = new Map<string, number>();
  return ({ method, url, body, isForm }) => {
    const { pathname: path, origin } = url;
    if (method === 'GET' && path === '/device') return { status: 200, body: 'The simulator approves by itself.\n' };
    if (method !== 'POST') return undefined;
    const read: FieldReader = (name) => {
      const value = isRecord(body) ? body[name] : undefined;
      return typeof value === 'string' ? value : '';
    };
    switch (path) {
      case '/refreshToken':
        return refreshSocial(desk, read);
      case '/token':
        return isForm ? refreshExternal(desk, read) : answerToken(desk, polls, read);
      case '/client/register':
        return register(read);
      case '/device_authorization':
        return authorizeDevice(polls, read, origin);
      default:
        return undefined;
    }
  };
}

/** A text of the body, which may be a form; empty when there is none of that name. */
type FieldReader = (name: string) => string;

function refreshSocial(desk: TokenDesk, read: FieldReader): HttpReply {
  const tokens = desk.refresh(read('refreshToken'), 'social');
  if (tokens !== undefined) return answerJson({ ...tokens, profileArn: PROFILE_ARN });
  return {
    status: 401,
    headers: { 'x-amzn-errortype': 'UnauthorizedException' },
    body: { message: 'Invalid refresh token provided', reason: null },
  };
}

function answerToken(desk: TokenDesk, polls: Map<string, number>, read: FieldReader): HttpReply {
  if (read('clientId') === '' || read('clientSecret') === '') return invalidClient();
  switch (read('grantType')) {
    case 'refresh_token':
      return answerOidc(desk.refresh(read('refreshToken'), 'oidc'));
    case DEVICE_GRANT:
      return answerDevice(desk, polls, read('deviceCode'));
    default:
      return fail('unsupported_grant_type', 'Unsupported grant type');
  }
}

/** The answer of an identity provider of the customer: a form in, snake case out. */
function refreshExternal(desk: TokenDesk, read: FieldReader): HttpReply {
  if (read('grant_type') !== 'refresh_token') return fail('unsupported_grant_type', 'Unsupported grant type');
  if (read('client_id') === '') return invalidClient();
  const tokens = desk.refresh(read('refresh_token'), 'external');
  if (tokens === undefined) return fail('invalid_grant', 'Invalid refresh token provided');
  const { accessToken: access_token, refreshToken: refresh_token, expiresIn: expires_in } = tokens;
  return answerJson({ access_token, refresh_token, expires_in, token_type: 'Bearer' });
}

function answerOidc(tokens: IssuedTokens | undefined): HttpReply {
  if (tokens === undefined) return fail('invalid_grant', 'Invalid refresh token provided');
  const unused = { idToken: null, aws_sso_app_session_id: null, issuedTokenType: null, originSessionId: null };
  return answerJson({ ...tokens, tokenType: 'Bearer', ...unused });
}

function register(read: FieldReader): HttpReply {
  const isLegal = read('clientName') !== '' && read('clientType') === 'public';
  if (!isLegal) return fail('invalid_request', 'Invalid client metadata');
  const clientIdIssuedAt = Math.floor(Date.now() / 1000);
  const clientSecretExpiresAt = clientIdIssuedAt + 90 * 24 * 3600;
  return answerJson({ clientId: randomText(), clientSecret: randomText(), clientIdIssuedAt, clientSecretExpiresAt });
}

function authorizeDevice(polls: Map<string, number>, read: FieldReader, baseUrl: string): HttpReply {
  if (read('clientId') === '' || read('clientSecret') === '') return invalidClient();
  if (read('startUrl') === '') return fail('invalid_request', 'Invalid start URL');
  const deviceCode = randomText();
  const userCode = 'SIMU-LATE';
  polls.clear();
  polls.set(deviceCode, 0);
  return answerJson({
    deviceCode,
    userCode,
    verificationUri: `${baseUrl}/device`,
    verificationUriComplete: `${baseUrl}/device?user_code=${userCode}`,
    expiresIn: 600,
    interval: 1,
  });
}

/** Pending once, then approved; the code is of no use afterwards. */
function answerDevice(desk: TokenDesk, polls: Map<string, number>, deviceCode: string): HttpReply {
  const count = polls.get(deviceCode);
  if (count === undefined) return fail('invalid_grant', 'Invalid device code provided');
  polls.set(deviceCode, count + 1);
  if (count < PENDING_POLLS) return fail('authorization_pending', 'Authorization is still pending');
  polls.delete(deviceCode);
  return answerOidc(desk.issue('oidc'));
}

function invalidClient(): HttpReply {
  return fail('invalid_client', 'Invalid client provided');
}

function fail(error: string, description: string): HttpReply {
  return { status: 400, body: { error, error_description: description } };
}

function randomText(bytes = 24): string {
  return randomBytes(bytes).toString('base64url');
}

const EVERLASTING = /^(aorDemo|reusable)/;
const MOST_TOKENS = 10_000;
/** Makes tokens about as long as the real ones. */
const TOKEN_BYTES = 168;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const PENDING_POLLS = 1;
