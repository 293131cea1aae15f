/** The sign-in endpoints: social and OIDC refresh, and the device flow. */
import { randomBytes } from 'node:crypto';
import type { HttpReply, Pace } from './reply.js';
import type { IssuedTokens, TokenDesk } from './tokens.js';
import { answerJson } from './http.js';
import { isRecord } from './shape.js';

export const PROFILE_ARN = 'arn:aws:codewhisperer:us-east-1:111122223333:profile/SIMULATOR123';

export type SignIn = {
  /** The answer, or nothing when the path is none of ours. */
  readonly answer: (call: SignInCall) => HttpReply | undefined;
};

export type SignInCall = {
  readonly method: string;
  readonly path: string;
  readonly baseUrl: string;
  /** Form bodies come as records too. */
  readonly body: unknown;
  readonly isForm: boolean;
};

export function createSignIn(desk: TokenDesk, pace: Pace): SignIn {
  const polls = new Map<string, number>();
  return {
    answer: ({ method, path, baseUrl, body, isForm }) => {
      if (method === 'GET' && path === '/device') return { status: 200, body: 'The simulator approves by itself.\n' };
      if (method !== 'POST') return undefined;
      const read = createFieldReader(body);
      switch (path) {
        case '/refreshToken':
          return refreshSocial(desk, read);
        case '/token':
          return isForm ? refreshExternal(desk, read) : answerToken(desk, polls, read);
        case '/client/register':
          return register(read);
        case '/device_authorization':
          return authorizeDevice(polls, read, { baseUrl, pace });
        default:
          return undefined;
      }
    },
  };
}

type FieldReader = (name: string) => string;

function createFieldReader(body: unknown): FieldReader {
  return (name) => {
    const value = isRecord(body) ? body[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
}

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
  if (read('clientId') === '' || read('clientSecret') === '') return fail('invalid_client', 'Invalid client provided');
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
  if (read('client_id') === '') return fail('invalid_client', 'Invalid client provided');
  const tokens = desk.refresh(read('refresh_token'), 'external');
  if (tokens === undefined) return fail('invalid_grant', 'Invalid refresh token provided');
  const { accessToken, refreshToken, expiresIn } = tokens;
  return answerJson({
    access_token: accessToken,
    refresh_token: refreshToken,
    expires_in: expiresIn,
    token_type: 'Bearer',
  });
}

function answerOidc(tokens: IssuedTokens | undefined): HttpReply {
  if (tokens === undefined) return fail('invalid_grant', 'Invalid refresh token provided');
  const unused = { idToken: null, aws_sso_app_session_id: null, issuedTokenType: null, originSessionId: null };
  return answerJson({ ...tokens, tokenType: 'Bearer', ...unused });
}

function register(read: FieldReader): HttpReply {
  if (read('clientName') === '' || read('clientType') !== 'public')
    return fail('invalid_request', 'Invalid client metadata');
  const clientIdIssuedAt = Math.floor(Date.now() / 1000);
  return answerJson({
    clientId: randomText(),
    clientSecret: randomText(),
    clientIdIssuedAt,
    clientSecretExpiresAt: clientIdIssuedAt + 90 * 24 * 3600,
  });
}

function authorizeDevice(
  polls: Map<string, number>,
  read: FieldReader,
  { baseUrl, pace }: { readonly baseUrl: string; readonly pace: Pace },
): HttpReply {
  if (read('clientId') === '' || read('clientSecret') === '') return fail('invalid_client', 'Invalid client provided');
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
    interval: pace === 'human' ? 5 : 1,
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

function fail(error: string, description: string): HttpReply {
  return { status: 400, body: { error, error_description: description } };
}

function randomText(): string {
  return randomBytes(24).toString('base64url');
}

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const PENDING_POLLS = 1;
