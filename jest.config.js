/** Tests run the TypeScript sources; only black-box tests of the command meet dist. */
export default {
  testEnvironment: 'node',
  // Workers are ended when the tests are, whatever a failed test has left open. Six, because half of the time is
  // spent waiting for processes.
  maxWorkers: 6,
  // Only what hangs meets it: tests that start processes take their time where others use the machine too.
  testTimeout: 120_000,
  setupFiles: ['<rootDir>/__tests__/support/seed.ts'],
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
};
