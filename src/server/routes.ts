/** One path for the many that clients make out of a base URL. */

/**
 * `/v1/messages` for `//v1/messages`, `/messages`, `/v1/v1/messages`, `/anthropic/v1/messages/`. The query stays.
 * A path that leads nowhere here is returned as it is.
 */
export function canonicalUrl(url: string): string {
  const [path = '', query] = url.split(/\?(.*)/s);
  const bare = path.replaceAll(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
  const [, rest] = /^(?:\/(?:anthropic|openai))?(?:\/v1)*(\/.*)$/.exec(bare) ?? [];
  const isKnown = rest !== undefined && API_PATHS.test(rest);
  return (isKnown ? `/v1${rest}` : bare) + (query === undefined ? '' : `?${query}`);
}

/** What lies below `/v1`. */
const API_PATHS = /^\/(?:models|chat\/completions|messages|responses)(?:\/|$)/;
