/** Images and documents that a client only points at: fetched into the conversation, or the note says why not. */

import type { Conversation, Message, RemoteMedia, Text, ToolResultPart, UserPart } from './core/conversation.js';
import { imageFormatOf, isPdf } from './core/signatures.js';
import { documentFormatOf } from './dialects/content.js';
import { download, type Download, Refusal, type Web } from './web.js';

/** Never throws: what cannot be fetched stays a note, and becomes a notice. */
export type FetchMedia = (conversation: Conversation, signal: AbortSignal) => Promise<WithMedia>;

export type WithMedia = {
  readonly conversation: Conversation;
  /** What the client is told about it. */
  readonly notices: readonly string[];
};

export type RemoteMediaOptions = {
  readonly loadWeb: () => Promise<Web>;
  /** For all that one request points at. */
  readonly limitMs?: number;
};

export function createRemoteMedia({ loadWeb, limitMs = LIMIT_MS }: RemoteMediaOptions): FetchMedia {
  return async (conversation, signal) => {
    // The newest are what is talked about, and more would not travel to Kiro anyway.
    const urls = [...new Set(conversation.messages.flatMap(urlsOf).toReversed())].slice(0, MAX_URLS);
    if (urls.length === 0) return { conversation, notices: [] };
    const web = await loadWeb();
    const within = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    const outcomes = new Map(
      await Promise.all(urls.map(async (url) => [url, await attempt(web, url, within)] as const)),
    );
    return replaceRemote(conversation, ({ url }) => outcomes.get(url) ?? `more than ${MAX_URLS} URLs`);
  };
}

/** What was fetched, or why it was not. */
type Outcome = Download | string;

async function attempt(web: Web, url: string, signal: AbortSignal): Promise<Outcome> {
  try {
    return await download(web, url, signal);
  } catch (thrown) {
    if (signal.aborted) return 'it took too long';
    if (thrown instanceof Refusal) return thrown.message;
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'no connection';
    return `it could not be fetched: ${code}`;
  }
}

function replaceRemote(conversation: Conversation, outcomeOf: (remote: RemoteMedia) => Outcome): WithMedia {
  const leftOut = new Set<string>();
  const replace = <Part extends UserPart>(part: Part): Part | ToolResultPart => {
    if (part.type !== 'text' || part.remote === undefined) return part;
    const outcome = outcomeOf(part.remote);
    const media = typeof outcome === 'string' ? outcome : toMedia(part.remote, outcome);
    if (typeof media !== 'string') return media;
    leftOut.add(`${part.remote.kind}s-left-out=url`);
    return withReason(part, media);
  };
  const messages = conversation.messages.map((message): Message => {
    if (message.role === 'assistant') return message;
    const parts = message.parts.map((part): UserPart => {
      if (part.type === 'tool-result') return { ...part, content: part.content.map((it) => replace(it)) };
      return replace(part);
    });
    return { role: 'user', parts };
  });
  return { conversation: { ...conversation, messages }, notices: [...leftOut] };
}

/** The bytes decide where they can: servers err, and what is no image after all would make Kiro refuse everything. */
function toMedia({ kind, url, name }: RemoteMedia, { mediaType, bytes }: Download): ToolResultPart | string {
  const data = bytes.toString('base64');
  const image = imageFormatOf(bytes);
  if (image !== undefined) return { type: 'image', format: image, data };
  const stated = documentFormatOf(mediaType);
  const format = isPdf(bytes) ? 'pdf' : stated === 'pdf' || bytes.length === 0 ? undefined : stated;
  if (kind === 'document' && format !== undefined) {
    return { type: 'document', name: name || nameIn(url) || 'document', format, data };
  }
  return `what is there is not ${kind === 'image' ? 'an image' : 'a document'} that Kiro takes`;
}

/** `https://a.example/b/c.pdf?d` → `c.pdf`. */
function nameIn(url: string): string {
  return new URL(url).pathname.split('/').at(-1) ?? '';
}

/** `[image left out: <url>]` → `[image left out: <url>, <reason>]`. */
function withReason({ type, text }: Text, reason: string): Text {
  return { type, text: `${text.replace(/\]$/, '')}, ${reason}]` };
}

function urlsOf(message: Message): readonly string[] {
  if (message.role === 'assistant') return [];
  const parts = message.parts.flatMap((part): readonly UserPart[] =>
    part.type === 'tool-result' ? part.content : [part],
  );
  return parts.flatMap((part) => (part.type === 'text' && part.remote !== undefined ? [part.remote.url] : []));
}

const LIMIT_MS = 10_000;
/** As many images and documents as one request to Kiro carries. */
const MAX_URLS = 15;
