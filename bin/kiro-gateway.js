#!/usr/bin/env node
/** The command itself; the only place that ends the process. */

const [{ main }, { createContext }] = await Promise.all([import('../dist/cli.js'), import('../dist/context.js')]);
process.exitCode = await main(process.argv.slice(2), createContext());
// Tokens that are on their way have time to come and be kept; a service or a proxy that hangs holds nobody up for longer.
setTimeout(() => process.exit(), 4000).unref();
