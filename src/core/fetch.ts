/** The shape of a fetch, as far as we use one: what auth and kiro are given instead of the network. */

/** Rejects when no answer comes; a status of any kind is an answer. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

/** The reason of a failure that is a proxy's, but of this host alone: it may well let others pass. */
export const HOST_REFUSED = 'host-refused-by-proxy';

export type FetchInit = {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** For this request alone, because node-fetch may listen to it even after the answer was left in the middle. */
  readonly signal?: AbortSignal | undefined;
  /** `error` wherever a token is sent: it must not travel to a host that a redirect names. */
  readonly redirect?: 'error' | 'follow' | undefined;
};

export type FetchResponse = {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
  /** Null when the answer has none. Whoever leaves it early closes the connection. */
  readonly body: AsyncIterable<Uint8Array> | null;
};
