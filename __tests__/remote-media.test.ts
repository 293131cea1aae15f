/** What URLs point at, fetched from a real https server: what arrives, what is refused, and what both sides are told. */

import { afterAll, describe, expect, test } from '@jest/globals';

import type { Text } from '../src/core/conversation.js';
import { createRemoteMedia } from '../src/remote-media.js';
import { conversation } from './support/requests.js';
import { PNG, png, PUBLIC, send, startWeb, to } from './support/web.js';

const pdf = Buffer.from('%PDF-1.7 hello');

const inside = { 'private.test': ['10.0.0.1'], 'mixed.test': [PUBLIC, '::1'], 'nowhere.test': [] };
const internet = await startWeb(
  {
    '/a.png': send('image/png', png),
    '/wrong-type.png': send('application/octet-stream', png),
    '/b.pdf?page=1': send('application/pdf', pdf),
    '/c.csv': send('text/csv; charset=utf-8', 'a,b'),
    '/page': send('text/html', '<p>hi'),
    '/liar.png': send('image/png', '<p>hi'),
    '/liar.pdf': send('application/pdf', '<p>hi'),
    '/zip': send('application/zip', 'PK'),
    '/packed': send('image/png', png, { 'content-encoding': 'gzip' }),
    '/declared-large': (response) => {
      response.writeHead(200, { 'content-type': 'image/png', 'content-length': '10000001' });
      response.write(png);
    },
    '/large': send('image/png', Buffer.alloc(10_000_001), { 'transfer-encoding': 'chunked' }),
    '/slow': (response) => void response.writeHead(200, { 'content-type': 'image/png' }).write(png),
    '/silent': () => undefined,
    '/hop-3': to('/hop-2'),
    '/hop-2': to('/hop-1'),
    '/hop-1': to('/a.png'),
    '/hop-4': to('/hop-3'),
    '/to-private': to('https://private.test/secret'),
    '/to-literal': to('https://[::ffff:127.0.0.1]/'),
    '/to-http': to('http://kiro.test/a.png'),
  },
  inside,
);
const { origin, asked } = internet;
const loadWeb = () => Promise.resolve(internet.web);
afterAll(() => internet.close());

const noteOf = (kind: 'image' | 'document', url: string): Text => {
  return { type: 'text', text: `[${kind} left out: ${url}]`, remote: { kind, url, name: '' } };
};

/** The part that takes the note's place, and the notices. */
async function fetched(
  kind: 'image' | 'document',
  url: string,
  limitMs?: number,
  signal = new AbortController().signal,
) {
  const fetchMedia = createRemoteMedia({ loadWeb, ...(limitMs !== undefined && { limitMs }) });
  const messages = [{ role: 'user' as const, parts: [noteOf(kind, url)] }];
  const { conversation: found, notices } = await fetchMedia(conversation({ messages }), signal);
  return { parts: found.messages.flatMap((it) => (it.role === 'user' ? it.parts : [])), notices };
}

describe('what is fetched', () => {
  test.each([
    ['an image', 'image', '/a.png', { type: 'image', format: 'png', data: PNG }],
    ['an image of no stated type', 'image', '/wrong-type.png', { type: 'image', format: 'png', data: PNG }],
    ['an image three redirects away', 'image', '/hop-3', { type: 'image', format: 'png', data: PNG }],
    ['an image where a document was announced', 'document', '/a.png', { type: 'image', format: 'png', data: PNG }],
    ['a PDF', 'document', '/b.pdf?page=1', { name: 'b.pdf', format: 'pdf', data: pdf.toString('base64') }],
    ['a table', 'document', '/c.csv', { name: 'c.csv', format: 'csv', data: btoa('a,b') }],
    ['a page', 'document', '/page', { name: 'page', format: 'html', data: btoa('<p>hi') }],
  ] as const)('%s takes the place of its note', async (_, kind, path, part) => {
    const expected = { parts: [{ type: kind, ...part }], notices: [] };
    expect(await fetched(kind, origin + path)).toEqual(expected);
  });

  test('the server learns host and path, at the addresses that were checked, and nothing else', async () => {
    await fetched('image', `${origin}/a.png#top`);
    const headers = { host: origin.replace('https://', ''), connection: 'close' };
    expect(asked.at(-1)).toEqual({ addresses: [PUBLIC], path: '/a.png', headers });
  });
});

describe('what stays a note with its reason', () => {
  const OUTSIDE = 'its host is not on the public internet';
  test.each([
    ['http', 'http://kiro.test/a.png', 'only https is fetched'],
    ['a host inside', 'https://private.test/a.png', OUTSIDE],
    ['a host with one address inside', 'https://mixed.test/a.png', OUTSIDE],
    ['a host without addresses', 'https://nowhere.test/a.png', 'its host has no address'],
    ['an unknown host', 'https://unknown.test/a.png', 'it could not be fetched: ENOTFOUND'],
    ['a literal address inside', 'https://127.1/a.png', OUTSIDE],
    ['a literal metadata address', 'https://0xa9fea9fe/latest', OUTSIDE],
    ['a literal IPv6 address inside', 'https://[::1]/a.png', OUTSIDE],
    ['a redirect to a host inside', `${origin}/to-private`, OUTSIDE],
    ['a redirect to a literal address inside', `${origin}/to-literal`, OUTSIDE],
    ['a redirect to http', `${origin}/to-http`, 'only https is fetched'],
    ['a fourth redirect', `${origin}/hop-4`, 'more than 3 redirects'],
    ['a password', 'https://me:hush@kiro.test/a.png', 'a URL with a user name is not fetched'],
    ['no URL at all', 'https://', 'not a URL'],
    ['a page where an image was announced', `${origin}/page`, 'it is not an image that Kiro takes'],
    ['an image that is none', `${origin}/liar.png`, 'it is not an image that Kiro takes'],
    ['a PDF where an image was announced', `${origin}/b.pdf?page=1`, 'it is not an image that Kiro takes'],
    ['a body that is declared too large', `${origin}/declared-large`, 'larger than 10 MB'],
    ['a body that is too large', `${origin}/large`, 'larger than 10 MB'],
    ['a compressed body', `${origin}/packed`, 'it came compressed'],
    ['a page that is missing', `${origin}/missing`, 'its server answered 404'],
  ])('%s', async (_, url, reason) => {
    const text = `[image left out: ${url}, ${reason}]`;
    expect(await fetched('image', url)).toEqual({ parts: [{ type: 'text', text }], notices: ['images-left-out=url'] });
  });

  test.each([['/zip'], ['/liar.pdf']])('the document %s of another kind', async (path) => {
    const text = `[document left out: ${origin}${path}, it is not a document that Kiro takes]`;
    expect(await fetched('document', origin + path)).toEqual({
      parts: [{ type: 'text', text }],
      notices: ['documents-left-out=url'],
    });
  });

  test.each([['/slow'], ['/silent']])('the server of %s does not come to an end', async (path) => {
    const text = `[image left out: ${origin}${path}, it took too long]`;
    expect((await fetched('image', origin + path, 60)).parts).toEqual([{ type: 'text', text }]);
  });

  test('the client has left', async () => {
    const { notices } = await fetched('image', `${origin}/a.png?left`, undefined, AbortSignal.abort());
    expect([notices, timesAsked('/a.png?left')]).toEqual([['images-left-out=url'], 0]);
  });

  test('the sixteenth URL from the end', async () => {
    const parts = Array.from({ length: 16 }, (_, index) => noteOf('image', `${origin}/a.png?many=${index}`));
    const { conversation: found } = await createRemoteMedia({ loadWeb })(
      conversation({ messages: [{ role: 'user', parts }] }),
      new AbortController().signal,
    );
    expect(found.messages).toMatchObject([
      {
        parts: [
          { text: `[image left out: ${origin}/a.png?many=0, more than 15 URLs]` },
          ...parts.slice(1).map(() => ({})),
        ],
      },
    ]);
    expect(timesAsked('/a.png?many=')).toBe(15);
  });

  /** A request of another test, whose time was over before it arrived, may come at any moment. */
  function timesAsked(start: string): number {
    return asked.filter(({ path }) => path.startsWith(start)).length;
  }
});
