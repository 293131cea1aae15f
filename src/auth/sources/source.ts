/** What a place is that a Kiro login can be read from. */

import type { Secret } from '../../core/secret.js';
import type { Credential } from '../credential.js';

export type Source = {
  /** The setting that names it. */
  readonly name: string;
  /** Where the login lies, for people; no secret. Read only when the setting is set. */
  describe(settings: LoginSettings): string;
  /**
   * Undefined when its setting is not set.
   * @throws GatewayError `not-logged-in` when it is set and there is no usable login there.
   */
  read(settings: LoginSettings): Promise<FoundLogin | undefined>;
};

export type FoundLogin = {
  readonly credential: Credential;
  /** What a person should know about what was found, in sentences. */
  readonly notices: readonly string[];
  /** Where others keep the same login, and may renew it. */
  readonly origin?: Origin | undefined;
};

export type Origin = {
  /** The login as it lies there now; undefined when there is none of this account. Never throws. */
  readonly read?: (() => Promise<Credential | undefined>) | undefined;
  /** Has the program that the login belongs to renew it. False when it cannot be asked. Never throws. */
  readonly askOwner?: (() => Promise<boolean>) | undefined;
};

/** The settings that say who we are; `Settings` is one of these with a home folder added. */
export type LoginSettings = {
  readonly refreshToken: Secret | undefined;
  readonly profileArn: string | undefined;
  readonly kiroRegion: string | undefined;
  readonly kiroApiRegion: string | undefined;
  readonly kiroApiKey: Secret | undefined;
  readonly kiroCredsFile: string | undefined;
  readonly kiroCliDbFile: string | undefined;
  /** Where a second file is looked for: `~/.aws/sso/cache`. */
  readonly homeDirectory: string;
};
