/** A process of its own that makes one request as the gateway would, and says what came of it. Run by outbound.test.ts. */

import { Secret } from '../../src/core/secret.js';
import { createOutboundFetch } from '../../src/outbound.js';

const say = (line: string) => process.stdout.write(`${line}\n`);

const [url = '', proxyUrl] = process.argv.slice(2);
const fetch = await createOutboundFetch({
  proxyUrl: proxyUrl === undefined ? undefined : new Secret(proxyUrl),
  env: {},
});
try {
  const response = await fetch(url, { method: 'GET', headers: {} });
  say(`${response.status} ${await response.text()}`);
} catch (thrown) {
  say(thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown));
}
// The kept connection would hold the process.
process.exit(0);
