#!/usr/bin/env node
/** The command itself; the only place that ends the process. */

const [{ main }, { createContext }] = await Promise.all([import('../dist/cli.js'), import('../dist/context.js')]);
process.exitCode = await main(process.argv.slice(2), createContext());
