/** One seed for all random tests, so that what was green stays green; FUZZ_SEED=… tries another one. */

import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? 20_261_122) });
