/** Signs in to AWS SSO OIDC with a code that the person approves in a browser, on this machine or any other. */

import { GatewayError, limited } from '../core/errors.js';
import { isRecord, type Reader } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import { oidcHost } from '../kiro/calls.js';
import { BUILDER_ID_START_URL, type OidcCredential } from './credential.js';
import { jsonRequest, type LoginServiceTools, parseAnswer, post, readTokens, TIMEOUT_MS } from './refresh.js';

type DeviceFlowOptions = {
  /** `BUILDER_ID_START_URL`, or that of an organisation's Identity Center. */
  readonly startUrl: string;
  /** Where the Identity Center lives; the usual regions are tried when it is not known. */
  readonly region: string | undefined;
  /** Called with each code: a new one comes when nobody approved the last in time. */
  readonly show: (code: DeviceCode) => void;
  readonly signal: AbortSignal;
};

export type DeviceCode = { readonly url: string; readonly userCode: string };

/**
 * @throws GatewayError `forbidden` when the person refuses, `login-expired` when nobody approves, `invalid-request` for
 * a start URL that no region knows, `upstream-unavailable`, `upstream-protocol`, or `cancelled`.
 */
export async function signInWithDevice(options: DeviceFlowOptions, tools: LoginServiceTools): Promise<OidcCredential> {
  const { startUrl, signal } = options;
  const means = { tools, signal };
  const { client, first } = await findRegion(options, means);
  let answer = first;
  for (let codes = 1; codes <= MOST_CODES; codes++) {
    if (codes > 1) answer = await requestCode(client, startUrl, means);
    if (answer.refusal !== undefined) throw refused(answer.refusal);
    const code = readCode(answer.body, tools.now());
    options.show({ url: code.url, userCode: code.userCode });
    const approval = await waitForApproval(client, code, means);
    if (approval !== 'expired') return toCredential(startUrl, client, approval, tools.now());
  }
  throw new GatewayError('login-expired', 'Nobody approved the login in the browser; run the command again.');
}

function isBuilderId(startUrl: string): boolean {
  return startUrl.replace(/\/+$/, '') === BUILDER_ID_START_URL;
}

/** A program that AWS has been told about, in one region. Every login makes its own. */
type Client = Pick<OidcCredential, 'region' | 'clientId' | 'clientSecret' | 'registrationExpiresAt'>;

type Code = DeviceCode & {
  readonly deviceCode: Secret;
  readonly intervalSeconds: number;
  readonly expiresAt: number;
};

type Means = { readonly tools: LoginServiceTools; readonly signal: AbortSignal };

/** Only the region of an Identity Center knows its start URL. */
async function findRegion(
  { startUrl, region }: DeviceFlowOptions,
  means: Means,
): Promise<{ client: Client; first: Answer }> {
  const usual = isBuilderId(startUrl) ? [BUILDER_ID_REGION] : IDENTITY_CENTER_REGIONS;
  const regions = region === undefined ? usual : [region];
  let failure: GatewayError | undefined;
  for (const candidate of regions) {
    try {
      const client = await register(candidate, startUrl, means);
      if (client === undefined) continue;
      const first = await requestCode(client, startUrl, means);
      if (first.refusal === undefined) return { client, first };
    } catch (thrown) {
      // A firewall may let through to the organisation's own region only.
      if (!(thrown instanceof GatewayError) || thrown.kind !== 'upstream-unavailable') throw thrown;
      failure ??= thrown;
    }
  }
  if (failure !== undefined) throw failure;
  const where = regions.length === 1 ? regions[0] : 'any of the usual regions';
  throw new GatewayError(
    'invalid-request',
    `The start URL ${startUrl} is not known in ${where}; check --start-url, and give its region with --region.`,
  );
}

/** Undefined when the region refuses. */
async function register(region: string, startUrl: string, means: Means): Promise<Client | undefined> {
  const { body, refusal } = await ask(region, 'client/register', { ...PROGRAM, issuerUrl: startUrl }, means);
  if (refusal !== undefined) return undefined;
  return {
    region,
    clientId: body.get('clientId').nonEmptyString(),
    clientSecret: new Secret(body.get('clientSecret').nonEmptyString()),
    registrationExpiresAt: body.get('clientSecretExpiresAt').number() * 1000,
  };
}

function requestCode(client: Client, startUrl: string, means: Means): Promise<Answer> {
  return ask(client.region, 'device_authorization', { ...inTheOpen(client), startUrl }, means);
}

function inTheOpen({ clientId, clientSecret }: Client): object {
  return { clientId, clientSecret: clientSecret.reveal() };
}

function readCode(body: Reader, now: number): Code {
  const interval = body.optional('interval')?.number() ?? USUAL_INTERVAL_SECONDS;
  return {
    deviceCode: new Secret(body.get('deviceCode').nonEmptyString()),
    userCode: shownText(body.get('userCode').string()),
    url: shownText((body.optional('verificationUriComplete') ?? body.get('verificationUri')).string()),
    intervalSeconds: Math.min(Math.max(1, interval), LONGEST_INTERVAL_SECONDS),
    expiresAt: now + (body.optional('expiresIn')?.number() ?? USUAL_LIFE_SECONDS) * 1000,
  };
}

/** Asks as often as it is allowed to, until the person has decided or the code is dead. */
async function waitForApproval(client: Client, code: Code, means: Means): Promise<Reader | 'expired'> {
  const { tools, signal } = means;
  const body = { ...inTheOpen(client), deviceCode: code.deviceCode.reveal(), grantType: DEVICE_GRANT };
  for (let pauseSeconds = code.intervalSeconds; ;) {
    await tools.sleep(pauseSeconds * 1000, signal).catch(() => undefined);
    if (signal.aborted) throw stopped();
    if (tools.now() >= code.expiresAt) return 'expired';
    const answer = await ask(client.region, 'token', body, means).catch((thrown: unknown) => {
      // The person may be in the middle of approving, so a service that is away for a moment is asked again.
      if (thrown instanceof GatewayError && thrown.kind === 'upstream-unavailable') return undefined;
      throw thrown;
    });
    if (answer === undefined || answer.refusal === 'authorization_pending') continue;
    if (answer.refusal === undefined) return answer.body;
    if (answer.refusal === 'expired_token') return 'expired';
    if (answer.refusal !== 'slow_down') throw refused(answer.refusal);
    pauseSeconds += SLOWER_SECONDS;
  }
}

/** The refusal is as AWS names it, `authorization_pending`; undefined when it does not refuse. */
type Answer = { readonly body: Reader; readonly refusal: string | undefined };

/** @throws GatewayError `upstream-unavailable` when there is no judgement, `upstream-protocol`, or `cancelled`. */
async function ask(region: string, path: string, body: object, { tools, signal }: Means): Promise<Answer> {
  const request = jsonRequest(`${oidcHost(region, tools.overrides)}/${path}`, body);
  const { status, text } = await post(SERVICE, request, tools, limited(signal, TIMEOUT_MS)).catch((thrown: unknown) => {
    throw signal.aborted ? stopped() : thrown;
  });
  const answer = parseAnswer(SERVICE, text);
  return { body: answer, refusal: status === 200 ? undefined : readRefusal(answer) };
}

/** Exceptions carry the same as errors, in another spelling. */
function readRefusal({ value }: Reader): string {
  const fields = isRecord(value) ? value : {};
  const said = [fields['error'], fields['__type']].find((it) => typeof it === 'string') ?? '';
  const name = said.replace(/^.*#/, '').replace(/Exception$/, '');
  const snake = name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
  return /^[a-z_]{1,60}$/.test(snake) ? snake : 'no reason given';
}

/** Nothing of a login is kept when it is stopped on the way. */
export function stopped(): GatewayError {
  return new GatewayError('cancelled', 'Stopped; nothing was stored.');
}

function refused(refusal: string): GatewayError {
  if (refusal === 'access_denied') {
    return new GatewayError('forbidden', 'The login was refused in the browser; nothing was stored.');
  }
  const message = `AWS did not let the login go on (${refusal}); run the command again, or report this.`;
  return new GatewayError('upstream-protocol', message);
}

function toCredential(startUrl: string, client: Client, answer: Reader, now: number): OidcCredential {
  const refreshToken = new Secret(answer.get('refreshToken').nonEmptyString());
  return {
    kind: 'oidc',
    provider: isBuilderId(startUrl) ? 'builder-id' : 'identity-center',
    ...client,
    apiRegion: undefined,
    ...readTokens(answer, { refreshToken, profileArn: undefined }, now),
  };
}

/** What a person is shown came over the network, and a terminal obeys control characters. */
function shownText(text: string): string {
  if (/^[!-~]{1,2000}$/.test(text)) return text;
  throw new GatewayError('upstream-protocol', 'AWS answered with a code or an address that cannot be shown.');
}

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const PROGRAM = {
  clientName: 'kiro-gateway',
  clientType: 'public',
  // What kiro-cli asks for, and no more.
  scopes: ['codewhisperer:completions', 'codewhisperer:analysis', 'codewhisperer:conversations'],
  grantTypes: [DEVICE_GRANT, 'refresh_token'],
};

const BUILDER_ID_REGION = 'us-east-1';
/** In the order of their likelihood. */
const IDENTITY_CENTER_REGIONS =
  'us-east-1 eu-west-1 eu-central-1 us-east-2 eu-west-2 eu-west-3 eu-north-1 ap-southeast-1 ap-northeast-1 us-west-2'.split(
    ' ',
  );

const SERVICE = "AWS's";
const SLOWER_SECONDS = 5;
const USUAL_INTERVAL_SECONDS = 5;
const LONGEST_INTERVAL_SECONDS = 60;
const USUAL_LIFE_SECONDS = 600;
/** Half an hour in all. */
const MOST_CODES = 3;
