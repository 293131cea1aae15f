/** The sign-in service: social and OIDC refresh, the device flow, and which refresh and access tokens are alive. */

import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

import { isRecord } from '../core/reader.js';
import { answerJson, type Exchange, type HttpReply } from './exchange.js';

export const PROFILE_ARN = 'arn:aws:codewhisperer:us-east-1:111122223333:profile/SIMULATOR123';

/** The profile of any account: logins of every kind are tried here, and bring their own. */
export function isProfileArn(text: unknown): boolean {
  return /^arn:aws[a-z-]*:codewhisperer:[a-z0-9-]+:\d{12}:profile\/[A-Za-z0-9._-]+$/.test(String(text));
}

/** A refresh token that always works, for a demonstration that must survive a restart. */
export const DEMO_REFRESH_TOKEN = `aorDemo${'SimulatedRefreshToken'.repeat(6)}`;

export type Caller = { readonly usesApiKey: boolean };

/** Who has issued a token: it is renewed there only, and decides the `tokentype` header that must go with it. */
type TokenKind = 'social' | 'oidc' | 'external';

type IssuedTokens = { readonly accessToken: string; readonly refreshToken: string; readonly expiresIn: number };

export type SignIn = ReturnType<typeof createSignIn>;

export function createSignIn(accessTokenSeconds: number) {
  const accessTokens = new Map<string, { readonly kind: TokenKind; readonly expiresAt: number }>();
  const refreshTokens = new Map<string, TokenKind>();
  /** The device codes that are waiting, and how often each was asked about. */
  const polls = new Map<string, number>();

  function issue(kind: TokenKind): IssuedTokens {
    const accessToken = `aoa${randomText(TOKEN_BYTES)}`;
    const refreshToken = `aor${randomText(TOKEN_BYTES)}`;
    accessTokens.set(accessToken, { kind, expiresAt: Date.now() + accessTokenSeconds * 1000 });
    refreshTokens.set(refreshToken, kind);
    return { accessToken, refreshToken, expiresIn: accessTokenSeconds };
  }

  /** New tokens for a refresh token that is alive, and the end of that token. */
  function refresh(refreshToken: string, kind: TokenKind): IssuedTokens | undefined {
    if (EVERLASTING.test(refreshToken)) return issue(kind);
    if (refreshTokens.get(refreshToken) !== kind) return undefined;
    refreshTokens.delete(refreshToken);
    return issue(kind);
  }

  /** Pending once, then approved; the code is of no use afterwards. */
  function answerDevice(deviceCode: string): HttpReply {
    const count = polls.get(deviceCode);
    if (count === undefined) return fail('invalid_grant', 'Invalid device code provided');
    polls.set(deviceCode, count + 1);
    if (count === 0) return fail('authorization_pending', 'Authorization is still pending');
    polls.delete(deviceCode);
    return answerOidc(issue('oidc'));
  }

  /** The answer to a request for sign-in, or nothing when the path is none of its. */
  function answer({ method, url, body, isForm }: Exchange): HttpReply | undefined {
    const read = (name: string): string => {
      const value = isRecord(body) ? body[name] : undefined;
      return typeof value === 'string' ? value : '';
    };
    const hasClient = read('clientId') !== '' && read('clientSecret') !== '';
    switch (`${method} ${url.pathname}`) {
      case 'GET /device':
        return { status: 200, body: 'The simulator approves by itself.\n' };
      case 'POST /refreshToken':
        return answerSocial(refresh(read('refreshToken'), 'social'));
      case 'POST /client/register':
        if (read('clientName') !== '' && read('clientType') === 'public') return register();
        return fail('invalid_request', 'Invalid client metadata');
      case 'POST /device_authorization': {
        if (!hasClient) return INVALID_CLIENT;
        if (read('startUrl') === '') return fail('invalid_request', 'Invalid start URL');
        const deviceCode = randomText();
        polls.set(deviceCode, 0);
        return describeDevice(deviceCode, `${url.origin}/device`);
      }
      case 'POST /token':
        if (isForm) {
          // An identity provider of the customer: a form in, snake case out.
          if (read('grant_type') !== 'refresh_token') return UNSUPPORTED_GRANT;
          return read('client_id') === '' ? INVALID_CLIENT : answerExternal(refresh(read('refresh_token'), 'external'));
        }
        if (!hasClient) return INVALID_CLIENT;
        if (read('grantType') === DEVICE_GRANT) return answerDevice(read('deviceCode'));
        if (read('grantType') !== 'refresh_token') return UNSUPPORTED_GRANT;
        return answerOidc(refresh(read('refreshToken'), 'oidc'));
      default:
        return undefined;
    }
  }

  /** Nothing when the bearer is unknown, expired, revoked, or comes with the wrong token type. */
  function identify({ authorization = '', tokentype }: IncomingHttpHeaders): Caller | undefined {
    const bearer = /^Bearer (\S+)$/.exec(authorization)?.[1];
    if (bearer === undefined) return undefined;
    if (bearer.startsWith('ksk_')) return tokentype === 'API_KEY' ? { usesApiKey: true } : undefined;
    const issued = accessTokens.get(bearer);
    if (issued === undefined || issued.expiresAt <= Date.now()) return undefined;
    return tokentype === (issued.kind === 'external' ? 'EXTERNAL_IDP' : undefined) ? { usesApiKey: false } : undefined;
  }

  return { answer, identify, revokeAccessTokens: () => accessTokens.clear() };
}

function answerSocial(tokens: IssuedTokens | undefined): HttpReply {
  if (tokens !== undefined) return answerJson({ ...tokens, profileArn: PROFILE_ARN });
  const headers = { 'x-amzn-errortype': 'UnauthorizedException' };
  return { status: 401, headers, body: { message: 'Invalid refresh token provided', reason: null } };
}

function answerExternal(tokens: IssuedTokens | undefined): HttpReply {
  if (tokens === undefined) return INVALID_GRANT;
  const { accessToken: access_token, refreshToken: refresh_token, expiresIn: expires_in } = tokens;
  return answerJson({ access_token, refresh_token, expires_in, token_type: 'Bearer' });
}

function answerOidc(tokens: IssuedTokens | undefined): HttpReply {
  if (tokens === undefined) return INVALID_GRANT;
  const unused = { idToken: null, aws_sso_app_session_id: null, issuedTokenType: null, originSessionId: null };
  return answerJson({ ...tokens, tokenType: 'Bearer', ...unused });
}

function register(): HttpReply {
  const clientIdIssuedAt = Math.floor(Date.now() / 1000);
  const clientSecretExpiresAt = clientIdIssuedAt + 90 * 24 * 3600;
  return answerJson({ clientId: randomText(), clientSecret: randomText(), clientIdIssuedAt, clientSecretExpiresAt });
}

function describeDevice(deviceCode: string, verificationUri: string): HttpReply {
  const userCode = 'SIMU-LATE';
  const verificationUriComplete = `${verificationUri}?user_code=${userCode}`;
  return answerJson({ deviceCode, userCode, verificationUri, verificationUriComplete, expiresIn: 600, interval: 1 });
}

function fail(error: string, description: string): HttpReply {
  return { status: 400, body: { error, error_description: description } };
}

const INVALID_CLIENT = fail('invalid_client', 'Invalid client provided');
const INVALID_GRANT = fail('invalid_grant', 'Invalid refresh token provided');
const UNSUPPORTED_GRANT = fail('unsupported_grant_type', 'Unsupported grant type');

function randomText(bytes = 24): string {
  return randomBytes(bytes).toString('base64url');
}

const EVERLASTING = /^(aorDemo|reusable)/;
/** Makes tokens about as long as the real ones. */
const TOKEN_BYTES = 168;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
