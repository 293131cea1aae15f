#!/usr/bin/env node
/** The command itself; the only place that ends the process. */

const [{ main }, { createContext }] = await Promise.all([import('../dist/cli.js'), import('../dist/context.js')]);
const context = createContext();
process.exitCode = await main(process.argv.slice(2), context);
// Tokens that are on their way have time to come; a service or a proxy that hangs holds nobody up for longer. Those that
// have come are kept first, as long as a keychain may take: the ones before them may be dead by now.
setTimeout(() => void context.allSaved().then(() => process.exit()), 4000).unref();
