/** Logins that are settings themselves: a refresh token or an API key. */

import { DEFAULT_REGION } from '../../kiro/endpoints.js';
import type { Source } from './source.js';

/** A social login: the other kinds need more than a token, and come in a file. */
export const refreshTokenSource: Source = {
  name: 'REFRESH_TOKEN',
  describe: () => 'the setting REFRESH_TOKEN',
  read({ refreshToken, kiroRegion, kiroApiRegion, profileArn }) {
    if (refreshToken === undefined) return Promise.resolve(undefined);
    const region = kiroRegion ?? DEFAULT_REGION;
    return Promise.resolve({
      credential: {
        kind: 'social',
        refreshToken,
        accessToken: undefined,
        expiresAt: undefined,
        region,
        apiRegion: kiroApiRegion,
        profileArn,
      },
      notices: [],
    });
  },
};

export const apiKeySource: Source = {
  name: 'KIRO_API_KEY',
  describe: () => 'the setting KIRO_API_KEY',
  read({ kiroApiKey, kiroRegion, kiroApiRegion, profileArn }) {
    if (kiroApiKey === undefined) return Promise.resolve(undefined);
    const region = kiroRegion ?? DEFAULT_REGION;
    return Promise.resolve({
      credential: { kind: 'api-key', apiKey: kiroApiKey, region, apiRegion: kiroApiRegion, profileArn },
      notices: [],
    });
  },
};
