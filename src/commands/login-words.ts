/** How logins are told to people: times, places and regions in words. No secret is ever part of them. */

import { accountKind, type Credential } from '../auth/credential.js';
import type { Finding } from '../auth/detect.js';
import { apiRegionOf } from '../kiro/endpoints.js';

/** Completes "the token is …". */
export function tokenLife(expiresAt: number | undefined, now: number): string {
  if (expiresAt === undefined) return 'of unknown age';
  const minutes = Math.round(Math.abs(expiresAt - now) / 60_000);
  const long = minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  const span = minutes < 2880 ? long : `${Math.round(minutes / 1440)} days`;
  return expiresAt > now ? `good for ${span}` : `expired ${span} ago`;
}

export function credentialLife(credential: Credential, now: number): string {
  return credential.kind === 'api-key' ? 'without an end' : tokenLife(credential.expiresAt, now);
}

export function whereItCalls(credential: Pick<Credential, 'region' | 'apiRegion' | 'profileArn'>): string {
  const { region: loginRegion, apiRegion: setting, profileArn } = credential;
  return apiRegionOf({ setting, profileArn, loginRegion });
}

/** `kiro-cli: AWS Builder ID, eu-west-1, profile EXAMPLE12345, good for 42 min`, or why it cannot be used. */
export function findingLine(finding: Finding, now: number): string {
  const name = FINDING_NAMES[finding.place.name];
  if ('problem' in finding) return `${name} cannot be used: ${finding.problem}`;
  const { credential } = finding.login;
  const profile = credential.profileArn?.split('/').at(-1);
  const facts = [
    accountKind(credential),
    credential.region,
    ...(profile === undefined ? [] : [`profile ${profile}`]),
    credentialLife(credential, now),
  ];
  return `${name}: ${facts.join(', ')}`;
}

/** Text from Kiro, such as a profile's name, without what a terminal would obey. */
export function printable(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}\p{P}\p{S}\p{Zs}]/gu, '').slice(0, 100);
}

const FINDING_NAMES = {
  'kiro-cli': 'kiro-cli',
  'amazon-q': 'Amazon Q CLI',
  ide: 'Kiro IDE',
  file: 'file',
  env: 'environment',
} as const satisfies Record<Finding['place']['name'], string>;

export const UNOFFICIAL = [
  'kiro-gateway is unofficial: neither Kiro nor AWS made it or supports it, and it can stop working any day.',
  "Kiro's terms may not permit clients like this one; whether you use it with your account is your decision.",
] as const;
