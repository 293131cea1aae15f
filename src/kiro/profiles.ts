/** The profiles that an account may use, as ListAvailableProfiles tells them. */

import { Reader } from '../core/reader.js';
import { isProfileArn } from './endpoints.js';

export type Profile = { readonly arn: string; readonly name: string };

export type ProfilePage = { readonly profiles: readonly Profile[]; readonly nextToken: string | undefined };

/** @throws GatewayError `upstream-protocol` when the answer has another shape. */
export function readProfilePage(answer: unknown): ProfilePage {
  const reader = new Reader(answer, 'upstream-protocol', 'ListAvailableProfiles');
  const profiles = reader
    .get('profiles')
    .array()
    .map((it) => ({ arn: it.get('arn').string(), name: it.optional('profileName')?.string() ?? '' }))
    .filter(({ arn }) => isProfileArn(arn));
  return { profiles, nextToken: reader.optional('nextToken')?.string() || undefined };
}
