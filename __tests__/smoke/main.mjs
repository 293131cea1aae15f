/** Tries what is shipped, as a stranger would: `npm run smoke [-- package dockerfile python]`. */

import { smokeDockerfile } from './dockerfile.mjs';
import { smokePackage } from './package.mjs';
import { smokePython } from './python.mjs';
import { finish, say } from './tools.mjs';

const PARTS = { package: smokePackage, dockerfile: smokeDockerfile, python: smokePython };

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  process.stderr.write(`There is no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}.\n`);
  process.exitCode = 2;
} else {
  for (const [name, part] of Object.entries(PARTS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const startedAt = performance.now();
    await part();
    say(`${name} took ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  }
  process.exitCode = finish();
}
