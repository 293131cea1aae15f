/** Signs in to AWS SSO OIDC with a code that the person approves in a browser, on this machine or any other. */

import { GatewayError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { oidcHost } from '../kiro/endpoints.js';
import type { OidcCredential } from './credential.js';
import { type Answer, ask, type DeviceFlowTools, readRefusal } from './device-flow-wire.js';

export type DeviceFlowOptions = {
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
export async function signInWithDevice(options: DeviceFlowOptions, tools: DeviceFlowTools): Promise<OidcCredential> {
  const { startUrl, show, signal } = options;
  const { client, first } = await findRegion(options, tools);
  let code = first;
  for (let codes = 1; ; codes++) {
    show({ url: code.url, userCode: code.userCode });
    const tokens = await waitForApproval(client, code, { tools, signal });
    if (tokens !== 'expired') return toCredential(startUrl, client, tokens, tools.now());
    if (codes === MOST_CODES) break;
    code = demand(await authorize(client, startUrl, { tools, signal }));
  }
  throw new GatewayError('login-expired', 'Nobody approved the login in the browser; run the command again.');
}

export function isBuilderId(startUrl: string): boolean {
  return startUrl.replace(/\/+$/, '') === BUILDER_ID_START_URL;
}

export const BUILDER_ID_START_URL = 'https://view.awsapps.com/start';

/** A program that AWS has been told about, in one region. Every login makes its own. */
type Client = {
  readonly region: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly expiresAt: number;
};

type Code = DeviceCode & {
  readonly deviceCode: Secret;
  readonly intervalSeconds: number;
  readonly expiresAt: number;
};

type Means = { readonly tools: DeviceFlowTools; readonly signal: AbortSignal };

/** Only the region of an Identity Center knows its start URL. */
async function findRegion(
  { startUrl, region, signal }: DeviceFlowOptions,
  tools: DeviceFlowTools,
): Promise<{ client: Client; first: Code }> {
  const usual = isBuilderId(startUrl) ? [BUILDER_ID_REGION] : IDENTITY_CENTER_REGIONS;
  const regions = region === undefined ? usual : [region];
  for (const candidate of regions) {
    const client = await register(candidate, startUrl, { tools, signal });
    if (client === undefined) continue;
    const first = await authorize(client, startUrl, { tools, signal });
    if ('deviceCode' in first) return { client, first };
  }
  const where = regions.length === 1 ? regions[0] : 'any of the usual regions';
  throw new GatewayError(
    'invalid-request',
    `The start URL ${startUrl} is not known in ${where}; check --start-url, and give its region with --region.`,
  );
}

/** Undefined when the region refuses. */
async function register(region: string, startUrl: string, { tools, signal }: Means): Promise<Client | undefined> {
  const url = `${oidcHost(region, tools.overrides)}/client/register`;
  const body = {
    clientName: 'kiro-gateway',
    clientType: 'public',
    scopes: SCOPES,
    grantTypes: [DEVICE_GRANT, 'refresh_token'],
    issuerUrl: startUrl,
  };
  const answer = await ask(url, body, tools, signal);
  if (!answer.isSuccess) return undefined;
  return {
    region,
    clientId: answer.body.get('clientId').nonEmptyString(),
    clientSecret: new Secret(answer.body.get('clientSecret').nonEmptyString()),
    expiresAt: answer.body.get('clientSecretExpiresAt').number() * 1000,
  };
}

async function authorize(client: Client, startUrl: string, { tools, signal }: Means): Promise<Code | Answer> {
  const { clientId, region } = client;
  const clientSecret = client.clientSecret.reveal();
  const url = `${oidcHost(region, tools.overrides)}/device_authorization`;
  const answer = await ask(url, { clientId, clientSecret, startUrl }, tools, signal);
  if (!answer.isSuccess) return answer;
  const { body } = answer;
  return {
    deviceCode: new Secret(body.get('deviceCode').nonEmptyString()),
    userCode: shownText(body.get('userCode').string()),
    url: shownText((body.optional('verificationUriComplete') ?? body.get('verificationUri')).string()),
    intervalSeconds: Math.max(1, body.optional('interval')?.number() ?? USUAL_INTERVAL_SECONDS),
    expiresAt: tools.now() + (body.optional('expiresIn')?.number() ?? USUAL_LIFE_SECONDS) * 1000,
  };
}

function demand(answer: Code | Answer): Code {
  if ('deviceCode' in answer) return answer;
  throw refused(readRefusal(answer));
}

/** Asks as often as it is allowed to, until the person has decided or the code is dead. */
async function waitForApproval(client: Client, code: Code, { tools, signal }: Means): Promise<Answer | 'expired'> {
  const url = `${oidcHost(client.region, tools.overrides)}/token`;
  let { intervalSeconds } = code;
  for (;;) {
    await tools.sleep(intervalSeconds * 1000, signal).catch(() => undefined);
    if (signal.aborted) throw new GatewayError('cancelled', 'Stopped; nothing was stored.');
    if (tools.now() >= code.expiresAt) return 'expired';
    const answer = await poll(url, client, code, { tools, signal });
    if (answer === undefined) continue;
    if (answer.isSuccess) return answer;
    const refusal = readRefusal(answer);
    switch (POLL_ANSWERS[refusal] ?? 'stop') {
      case 'wait':
        continue;
      case 'slow down':
        intervalSeconds += SLOWER_SECONDS;
        continue;
      case 'expired':
        return 'expired';
      case 'stop':
        throw refused(refusal);
    }
  }
}

/** Undefined when the service did not answer: the person may be in the middle of approving, so it is asked again. */
async function poll(url: string, client: Client, code: Code, { tools, signal }: Means): Promise<Answer | undefined> {
  const clientSecret = client.clientSecret.reveal();
  const deviceCode = code.deviceCode.reveal();
  const body = { clientId: client.clientId, clientSecret, deviceCode, grantType: DEVICE_GRANT };
  try {
    return await ask(url, body, tools, signal);
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.kind === 'upstream-unavailable') return undefined;
    throw thrown;
  }
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
    region: client.region,
    apiRegion: undefined,
    profileArn: undefined,
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    registrationExpiresAt: client.expiresAt,
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

const POLL_ANSWERS: Readonly<Record<string, 'wait' | 'slow down' | 'expired' | 'stop'>> = {
  authorization_pending: 'wait',
  slow_down: 'slow down',
  expired_token: 'expired',
};

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** What kiro-cli asks for, and no more. */
const SCOPES = ['codewhisperer:completions', 'codewhisperer:analysis', 'codewhisperer:conversations'];

const BUILDER_ID_REGION = 'us-east-1';
/** In the order of their likelihood. */
const IDENTITY_CENTER_REGIONS = [
  'us-east-1',
  'eu-west-1',
  'eu-central-1',
  'us-east-2',
  'eu-west-2',
  'eu-west-3',
  'eu-north-1',
  'ap-southeast-1',
  'ap-northeast-1',
  'us-west-2',
];

const SLOWER_SECONDS = 5;
const USUAL_INTERVAL_SECONDS = 5;
const USUAL_LIFE_SECONDS = 600;
/** Half an hour in all. */
const MOST_CODES = 3;
