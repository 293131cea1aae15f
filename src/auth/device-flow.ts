/** Signs in to AWS SSO OIDC with a code that the person approves in a browser, on this machine or any other. */

import { GatewayError } from '../core/errors.js';
import { isRecord, type Reader } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import { oidcHost } from '../kiro/calls.js';
import { BUILDER_ID_START_URL, type OidcCredential } from './credential.js';
import { jsonRequest, type LoginServiceTools, parseAnswer, post, TIMEOUT_MS } from './refresh.js';

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
  const { startUrl, show, signal } = options;
  const means = { tools, signal };
  const { client, first } = await findRegion(options, means);
  let code = first;
  for (let codes = 1; ; codes++) {
    show({ url: code.url, userCode: code.userCode });
    const tokens = await waitForApproval(client, code, means);
    if (tokens !== 'expired') return toCredential(startUrl, client, tokens, tools.now());
    if (codes === MOST_CODES) break;
    code = demand(await authorize(client, startUrl, means));
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
): Promise<{ client: Client; first: Code }> {
  const usual = isBuilderId(startUrl) ? [BUILDER_ID_REGION] : IDENTITY_CENTER_REGIONS;
  const regions = region === undefined ? usual : [region];
  for (const candidate of regions) {
    const client = await register(candidate, startUrl, means);
    if (client === undefined) continue;
    const first = await authorize(client, startUrl, means);
    if ('deviceCode' in first) return { client, first };
  }
  const where = regions.length === 1 ? regions[0] : 'any of the usual regions';
  throw new GatewayError(
    'invalid-request',
    `The start URL ${startUrl} is not known in ${where}; check --start-url, and give its region with --region.`,
  );
}

/** Undefined when the region refuses. */
async function register(region: string, startUrl: string, means: Means): Promise<Client | undefined> {
  const body = {
    clientName: 'kiro-gateway',
    clientType: 'public',
    scopes: SCOPES,
    grantTypes: [DEVICE_GRANT, 'refresh_token'],
    issuerUrl: startUrl,
  };
  const answer = await ask(region, 'client/register', body, means);
  if (!answer.isSuccess) return undefined;
  return {
    region,
    clientId: answer.body.get('clientId').nonEmptyString(),
    clientSecret: new Secret(answer.body.get('clientSecret').nonEmptyString()),
    registrationExpiresAt: answer.body.get('clientSecretExpiresAt').number() * 1000,
  };
}

async function authorize(client: Client, startUrl: string, means: Means): Promise<Code | Answer> {
  const { clientId, region } = client;
  const clientSecret = client.clientSecret.reveal();
  const answer = await ask(region, 'device_authorization', { clientId, clientSecret, startUrl }, means);
  if (!answer.isSuccess) return answer;
  const { body } = answer;
  return {
    deviceCode: new Secret(body.get('deviceCode').nonEmptyString()),
    userCode: shownText(body.get('userCode').string()),
    url: shownText((body.optional('verificationUriComplete') ?? body.get('verificationUri')).string()),
    intervalSeconds: Math.max(1, body.optional('interval')?.number() ?? USUAL_INTERVAL_SECONDS),
    expiresAt: means.tools.now() + (body.optional('expiresIn')?.number() ?? USUAL_LIFE_SECONDS) * 1000,
  };
}

function demand(answer: Code | Answer): Code {
  if ('deviceCode' in answer) return answer;
  throw refused(readRefusal(answer));
}

/** Asks as often as it is allowed to, until the person has decided or the code is dead. */
async function waitForApproval(client: Client, code: Code, means: Means): Promise<Answer | 'expired'> {
  const { tools, signal } = means;
  let { intervalSeconds } = code;
  for (;;) {
    await tools.sleep(intervalSeconds * 1000, signal).catch(() => undefined);
    if (signal.aborted) throw stopped();
    if (tools.now() >= code.expiresAt) return 'expired';
    const answer = await poll(client, code, means);
    if (answer === undefined) continue;
    if (answer.isSuccess) return answer;
    const refusal = readRefusal(answer);
    if (refusal === 'expired_token') return 'expired';
    if (refusal === 'slow_down') intervalSeconds += SLOWER_SECONDS;
    else if (refusal !== 'authorization_pending') throw refused(refusal);
  }
}

/** Undefined when the service did not answer: the person may be in the middle of approving, so it is asked again. */
async function poll(client: Client, code: Code, means: Means): Promise<Answer | undefined> {
  const clientSecret = client.clientSecret.reveal();
  const deviceCode = code.deviceCode.reveal();
  const body = { clientId: client.clientId, clientSecret, deviceCode, grantType: DEVICE_GRANT };
  try {
    return await ask(client.region, 'token', body, means);
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.kind === 'upstream-unavailable') return undefined;
    throw thrown;
  }
}

type Answer = { readonly isSuccess: boolean; readonly body: Reader };

/** @throws GatewayError `upstream-unavailable` when there is no judgement, `upstream-protocol`, or `cancelled`. */
async function ask(region: string, path: string, body: object, { tools, signal }: Means): Promise<Answer> {
  const request = jsonRequest(`${oidcHost(region, tools.overrides)}/${path}`, body);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const { status, text } = await post(SERVICE, request, tools, limited).catch((thrown: unknown) => {
    throw signal.aborted ? stopped() : thrown;
  });
  return { isSuccess: status === 200, body: parseAnswer(SERVICE, text) };
}

/** As AWS names it: `authorization_pending`; exceptions carry the same in another spelling. */
function readRefusal({ body }: Answer): string {
  const fields = isRecord(body.value) ? body.value : {};
  const said = [fields['error'], fields['__type']].find((it) => typeof it === 'string') ?? '';
  const name = said.replace(/^.*#/, '').replace(/Exception$/, '');
  const snake = name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
  return /^[a-z_]{1,60}$/.test(snake) ? snake : 'no reason given';
}

function stopped(): GatewayError {
  return new GatewayError('cancelled', 'Stopped; nothing was stored.');
}

function refused(refusal: string): GatewayError {
  if (refusal === 'access_denied') {
    return new GatewayError('forbidden', 'The login was refused in the browser; nothing was stored.');
  }
  const message = `AWS did not let the login go on (${refusal}); run the command again, or report this.`;
  return new GatewayError('upstream-protocol', message);
}

function toCredential(startUrl: string, client: Client, { body }: Answer, now: number): OidcCredential {
  return {
    kind: 'oidc',
    provider: isBuilderId(startUrl) ? 'builder-id' : 'identity-center',
    ...client,
    apiRegion: undefined,
    profileArn: undefined,
    accessToken: new Secret(body.get('accessToken').nonEmptyString()),
    refreshToken: new Secret(body.get('refreshToken').nonEmptyString()),
    expiresAt: now + body.get('expiresIn').number() * 1000,
  };
}

/** What a person is shown came over the network, and a terminal obeys control characters. */
function shownText(text: string): string {
  if (/^[!-~]{1,2000}$/.test(text)) return text;
  throw new GatewayError('upstream-protocol', 'AWS answered with a code or an address that cannot be shown.');
}

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** What kiro-cli asks for, and no more. */
const SCOPES = ['codewhisperer:completions', 'codewhisperer:analysis', 'codewhisperer:conversations'];

const BUILDER_ID_REGION = 'us-east-1';
/** In the order of their likelihood. */
const IDENTITY_CENTER_REGIONS =
  'us-east-1 eu-west-1 eu-central-1 us-east-2 eu-west-2 eu-west-3 eu-north-1 ap-southeast-1 ap-northeast-1 us-west-2'.split(
    ' ',
  );

const SERVICE = "AWS's";
const SLOWER_SECONDS = 5;
const USUAL_INTERVAL_SECONDS = 5;
const USUAL_LIFE_SECONDS = 600;
/** Half an hour in all. */
const MOST_CODES = 3;
