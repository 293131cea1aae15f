/** Signs in to AWS SSO OIDC with a code that the person approves in a browser, on this machine or any other. */

import { GatewayError } from '../core/errors.js';
import { within } from '../core/signals.js';
import { type Reader, recordOf } from '../core/reader.js';
import { Secret } from '../core/secret.js';
import { oidcHost } from '../kiro/calls.js';
import { BUILDER_ID_START_URL, type OidcCredential, type Tokens } from './credential.js';
import { demand, find, readClient } from './json-login.js';
import { jsonRequest, type LoginServiceTools, post, readAnswer, readTokens, TIMEOUT_MS } from './refresh.js';

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
export async function signInWithDevice(
  { startUrl, region: said, show, signal }: DeviceFlowOptions,
  tools: LoginServiceTools,
): Promise<OidcCredential> {
  const isBuilderId = startUrl.replace(/\/+$/, '') === BUILDER_ID_START_URL;
  const { client, first } = await findRegion();
  let code = first;
  for (let codes = 1; ; codes++) {
    show({ url: code.url, userCode: code.userCode });
    const tokens = await waitForApproval(client, code);
    if (tokens !== 'expired_token') {
      const provider = isBuilderId ? 'builder-id' : 'identity-center';
      return { kind: 'oidc', provider, ...client, apiRegion: undefined, ...tokens };
    }
    if (codes === MOST_CODES) {
      throw new GatewayError('login-expired', 'Nobody approved the login in the browser; run the command again.');
    }
    code = await requestCode(client);
  }

  /** Only the region of an Identity Center knows its start URL. */
  async function findRegion(): Promise<{ client: Client; first: Code }> {
    const usual = isBuilderId ? [BUILDER_ID_REGION] : IDENTITY_CENTER_REGIONS;
    const regions = said === undefined ? usual : [said];
    const startedAt = tools.now();
    let failure: GatewayError | undefined;
    let reason: string | undefined;
    for (const region of regions) {
      try {
        const client = await register(region);
        return { client, first: await requestCode(client) };
      } catch (thrown) {
        reason = refusalIn(thrown);
        if (reason !== undefined && reason !== 'slow_down') continue;
        if (!isAway(thrown)) throw thrown;
        // Another region may be there all the same; but a network that swallows everything is not tried ten times.
        failure ??= thrown;
        if (tools.now() - startedAt > 2 * TIMEOUT_MS) break;
      }
    }
    if (failure !== undefined) throw failure;
    const where = regions.length === 1 ? regions[0] : 'any of the usual regions';
    const refusal = `AWS refused the start URL ${startUrl} in ${where} (${reason})`;
    throw new GatewayError('invalid-request', `${refusal}; check --start-url, and give its region with --region.`);
  }

  function register(region: string): Promise<Client> {
    const body = { ...PROGRAM, issuerUrl: startUrl };
    return ask(region, 'client/register', body, (answer) => ({ region, ...readClient(answer) }));
  }

  function requestCode(client: Client): Promise<Code> {
    const body = { ...inTheOpen(client), startUrl };
    return ask(client.region, 'device_authorization', body, (answer) => readCode(answer, tools.now()));
  }

  /** Asks as often as it is allowed to, until the person has decided or the code is dead. */
  async function waitForApproval(client: Client, code: Code): Promise<Tokens | 'expired_token'> {
    const body = { ...inTheOpen(client), deviceCode: code.deviceCode.reveal(), grantType: DEVICE_GRANT };
    for (let pauseSeconds = code.intervalSeconds; ;) {
      await tools.sleep(pauseSeconds * 1000, signal).catch(() => undefined);
      if (signal.aborted) throw stopped();
      if (tools.now() >= code.expiresAt) return 'expired_token';
      try {
        return await ask(client.region, 'token', body, (answer) => {
          const refreshToken = new Secret(demand(answer, 'refreshToken').nonEmptyString());
          return readTokens(answer, { refreshToken, profileArn: undefined }, tools.now());
        });
      } catch (thrown) {
        const refusal = refusalIn(thrown);
        if (refusal === 'expired_token') return refusal;
        if (refusal === 'slow_down') pauseSeconds += SLOWER_SECONDS;
        // The person may be in the middle of approving, so a service that is away for a moment is asked again.
        if (refusal !== 'slow_down' && refusal !== 'authorization_pending' && !isAway(thrown)) throw thrown;
      }
    }
  }

  /**
   * @throws GatewayError as `refused` tells it, `upstream-unavailable` when there is no judgement, `upstream-protocol`,
   * or `cancelled`.
   */
  async function ask<Granted>(region: string, path: string, body: object, read: (answer: Reader) => Granted) {
    const request = jsonRequest(`${oidcHost(region, tools.overrides)}/${path}`, body);
    const limited = within(signal, TIMEOUT_MS);
    const { status, text } = await post(SERVICE, request, tools, limited).catch((thrown: unknown) => {
      throw signal.aborted ? stopped() : thrown;
    });
    if (status !== 200) throw refused(readAnswer(SERVICE, text, readRefusal));
    return readAnswer(SERVICE, text, read);
  }
}

/** A program that AWS has been told about, in one region. Every login makes its own. */
type Client = Pick<OidcCredential, 'region' | 'clientId' | 'clientSecret' | 'registrationExpiresAt'>;

type Code = ReturnType<typeof readCode>;

function inTheOpen({ clientId, clientSecret }: Client): object {
  return { clientId, clientSecret: clientSecret.reveal() };
}

function readCode(answer: Reader, now: number) {
  const interval = find(answer, 'interval')?.number() ?? USUAL_INTERVAL_SECONDS;
  return {
    deviceCode: new Secret(demand(answer, 'deviceCode').nonEmptyString()),
    userCode: shownText(demand(answer, 'userCode')),
    url: shownText(find(answer, 'verificationUriComplete') ?? demand(answer, 'verificationUri')),
    intervalSeconds: Math.min(Math.max(1, interval), LONGEST_INTERVAL_SECONDS),
    expiresAt: now + (find(answer, 'expiresIn')?.number() ?? USUAL_LIFE_SECONDS) * 1000,
  };
}

/** Exceptions carry the same as errors, in another spelling. */
function readRefusal({ value }: Reader): string {
  const fields = recordOf(value);
  const said = [fields['error'], fields['__type']].find((it) => typeof it === 'string') ?? '';
  const name = said.replace(/^.*#/, '').replace(/Exception$/, '');
  const snake = name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
  return /^[a-z_]{1,60}$/.test(snake) ? snake : 'no reason given';
}

/** Nothing of a login is kept when it is stopped on the way. */
export function stopped(): GatewayError {
  return new GatewayError('cancelled', 'Stopped; nothing was stored.');
}

/** @param reason As AWS names it, `authorization_pending`. */
function refused(reason: string): GatewayError {
  if (reason === 'access_denied') {
    const message = 'The login was refused in the browser; nothing was stored.';
    return new GatewayError('forbidden', message, { reason });
  }
  const message = `AWS did not let the login continue (${reason}); run the command again, or report this.`;
  return new GatewayError('upstream-protocol', message, { reason });
}

/** The reason; undefined when it was no refusal. */
function refusalIn(thrown: unknown): string | undefined {
  return thrown instanceof GatewayError ? thrown.facts.reason : undefined;
}

/** The service said nothing about the login. */
function isAway(thrown: unknown): thrown is GatewayError {
  return thrown instanceof GatewayError && thrown.kind === 'upstream-unavailable';
}

/** What a person is shown came over the network, and a terminal obeys control characters. */
function shownText(text: Reader): string {
  return /^[!-~]{1,2000}$/.test(text.string()) ? text.string() : text.fail('cannot be shown on a terminal');
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
