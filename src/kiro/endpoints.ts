/** Regions to hosts. The only place that builds a Kiro URL; region strings are checked before they reach one. */

import { GatewayError } from '../core/errors.js';

/** Base URLs without a trailing slash, from the settings of the same meaning. Https or loopback only. */
export type HostOverrides = {
  readonly api?: string | undefined;
  readonly management?: string | undefined;
  readonly auth?: string | undefined;
  readonly oidc?: string | undefined;
};

/** Where the operations of one API region live. A fallback is tried once; with an override there is none. */
export type ApiHosts = {
  readonly chat: string;
  readonly chatFallback: string | undefined;
  readonly management: string;
  readonly managementFallback: string | undefined;
};

export function apiHosts(apiRegion: string, overrides: HostOverrides): ApiHosts {
  const region = checkedRegion(apiRegion);
  const older = `https://q.${region}.amazonaws.com`;
  const management = overrides.management ?? overrides.api;
  return {
    chat: overrides.api ?? `https://runtime.${region}.kiro.dev`,
    chatFallback: overrides.api === undefined ? older : undefined,
    management: management ?? `https://management.${region}.kiro.dev`,
    managementFallback: management === undefined ? older : undefined,
  };
}

/** The desktop service that refreshes social logins. */
export function desktopAuthHost(authRegion: string, overrides: HostOverrides): string {
  return overrides.auth ?? `https://prod.${checkedRegion(authRegion)}.auth.desktop.kiro.dev`;
}

/** AWS SSO OIDC of the region a login lives in. */
export function oidcHost(ssoRegion: string, overrides: HostOverrides): string {
  return overrides.oidc ?? `https://oidc.${checkedRegion(ssoRegion)}.amazonaws.com`;
}

/**
 * The region of the API, which is not the region of the login: the setting, else the profile's ARN, else the login's
 * region mapped to one where the API exists, else `us-east-1`.
 */
export function apiRegionOf(known: {
  readonly setting?: string | undefined;
  readonly profileArn?: string | undefined;
  readonly loginRegion?: string | undefined;
}): string {
  if (known.setting !== undefined) return checkedRegion(known.setting);
  const fromArn = known.profileArn?.split(':')[3];
  if (fromArn !== undefined && isRegion(fromArn)) return fromArn;
  const login = known.loginRegion;
  if (login === undefined || !isRegion(login)) return DEFAULT_REGION;
  return API_REGION_OF_LOGIN_REGION[login] ?? login;
}

export function isRegion(text: string): boolean {
  return /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(text);
}

/** The form of a profile ARN; anything else never leaves this machine. */
export function isProfileArn(text: string): boolean {
  return text.length <= 256 && /^arn:aws[a-z-]*:codewhisperer:[a-z0-9-]+:\d{12}:profile\/[A-Za-z0-9._-]+$/.test(text);
}

export const DEFAULT_REGION = 'us-east-1';

/** Where profiles are known to be. */
export const API_REGIONS: readonly string[] = ['us-east-1', 'eu-central-1'];

function checkedRegion(region: string): string {
  if (isRegion(region)) return region;
  throw new GatewayError('invalid-request', `${JSON.stringify(region)} is not an AWS region; use one like us-east-1.`);
}

const API_REGION_OF_LOGIN_REGION: Readonly<Record<string, string>> = {
  'us-west-1': 'us-east-1',
  'us-west-2': 'us-east-1',
  'us-east-2': 'us-east-1',
  'ap-southeast-1': 'us-east-1',
  'ap-southeast-2': 'us-east-1',
  'ap-northeast-1': 'us-east-1',
  'ap-south-1': 'us-east-1',
  'eu-west-1': 'eu-central-1',
  'eu-west-2': 'eu-central-1',
  'eu-west-3': 'eu-central-1',
  'eu-north-1': 'eu-central-1',
  'eu-south-1': 'eu-central-1',
  'eu-south-2': 'eu-central-1',
  'eu-central-2': 'eu-central-1',
};
