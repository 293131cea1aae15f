/** The paths that clients make out of a base URL, and where they lead. */

import { expect, test } from '@jest/globals';

import { canonicalUrl, pathOf } from '../../src/server/http-server.js';

const paths: readonly (readonly [string, string])[] = [
  ['/v1/messages', '/v1/messages'],
  ['/v1/messages?beta=true', '/v1/messages?beta=true'],
  ['/messages', '/v1/messages'],
  ['//v1/messages', '/v1/messages'],
  ['/v1//messages', '/v1/messages'],
  ['/v1/messages/', '/v1/messages'],
  ['/v1/v1/messages', '/v1/messages'],
  ['/v1/v1/v1/messages', '/v1/messages'],
  ['/anthropic/v1/messages', '/v1/messages'],
  ['/anthropic/messages', '/v1/messages'],
  ['/v1/messages/count_tokens?beta=true', '/v1/messages/count_tokens?beta=true'],
  ['/openai/v1/chat/completions', '/v1/chat/completions'],
  ['/chat/completions/', '/v1/chat/completions'],
  ['/responses', '/v1/responses'],
  ['/v1/models/vendor/name', '/v1/models/vendor/name'],
  ['/models?limit=1000', '/v1/models?limit=1000'],
  ['/', '/'],
  ['//', '/'],
  ['/health', '/health'],
  ['/health/', '/health'],
  ['/v1/embeddings', '/v1/embeddings'],
  ['/messagesque', '/messagesque'],
  ['/v1', '/v1'],
  ['/v1/messages??a', '/v1/messages??a'],
  // Azure's clients name the model in the path, too.
  ['/openai/deployments/auto/chat/completions?api-version=1', '/v1/chat/completions?api-version=1'],
  ['/v1/deployments/claude-sonnet-4.5/chat/completions', '/v1/chat/completions'],
  ['/deployments/models', '/deployments/models'],
];

for (const [path, canonical] of paths) {
  test(`${path} is ${canonical}`, () => {
    expect(canonicalUrl(path)).toBe(canonical);
    expect(canonicalUrl(canonical)).toBe(canonical);
  });
}

const urls: readonly (readonly [url: string, host: string | undefined, path: string])[] = [
  ['http://127.0.0.1:8000/v1/messages?beta=true', '127.0.0.1:8000', '/v1/messages?beta=true'],
  ['HTTP://LocalHost//health', 'localhost', '//health'],
  ['https://localhost', 'localhost', '/'],
  ['http://localhost?a', 'localhost', '/?a'],
  ['http://localhost/health', 'local', '/http://localhost/health'],
  ['http://localhost/health', undefined, '/http://localhost/health'],
  ['http:///health', '127.0.0.1', '/http:///health'],
  ['http://v1/models', '127.0.0.1', '/http://v1/models'],
  ['/health', '', '/health'],
  ['*', '', '*'],
];

for (const [url, host, path] of urls) {
  test(`${url} at the host ${host} is ${path}`, () => {
    expect(pathOf(url, host)).toBe(path);
  });
}
