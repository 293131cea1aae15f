/** From settings and a login to everything that talks to Kiro, put together. */

import type { Context } from './context.js';
import type { Fetch } from './core/fetch.js';
import { createAsker, type Asker } from './kiro/asker.js';
import { createKiroClient, type AccessProvider, type KiroClient } from './kiro/client.js';
import type { HostOverrides } from './kiro/endpoints.js';
import { createProfiledSession, type ProfiledSession } from './kiro/profiled-session.js';
import type { Settings } from './settings.js';

export type KiroUpstream = {
  readonly session: ProfiledSession;
  readonly client: KiroClient;
  readonly asker: Asker;
};

export type UpstreamDependencies = {
  readonly session: AccessProvider;
  readonly fetch: Fetch;
  readonly overrides: HostOverrides;
  readonly isSimulator: boolean;
  /** Is told, in a sentence, what is repeated. */
  readonly note: (sentence: string) => void;
};

export function createKiroUpstream(
  context: Context,
  settings: Settings,
  { session: login, fetch, overrides, isSimulator, note }: UpstreamDependencies,
): KiroUpstream {
  const { now, sleep, chance, startTimer, randomId } = context;
  const asking = {
    session: login,
    fetch,
    overrides,
    apiRegion: settings.kiroApiRegion,
    userAgent: settings.kiroUserAgent,
    optOut: settings.kiroOptOut,
    randomId,
  };
  const session = createProfiledSession({
    session: login,
    listProfiles: (apiRegion, signal) => createKiroClient({ ...asking, apiRegion }).listProfiles(signal),
    apiRegion: settings.kiroApiRegion,
    usesSharedProfile: settings.kiroSharedProfile,
    now,
  });
  const client = createKiroClient({ ...asking, session });
  const asker = createAsker({
    client,
    now,
    sleep,
    chance,
    startTimer,
    note,
    retry: {
      maxAttempts: settings.maxAttempts,
      baseDelayMs: settings.baseRetryDelaySeconds * 1000,
      maxSlowRepeats: settings.firstTokenMaxRetries,
    },
    // The simulator is no service to be spared.
    maxConcurrent: isSimulator ? 0 : settings.maxConcurrentRequests,
    firstEventMs: settings.firstTokenTimeoutSeconds * 1000,
    silenceMs: settings.streamingReadTimeoutSeconds * 1000,
  });
  return { session, client, asker };
}
