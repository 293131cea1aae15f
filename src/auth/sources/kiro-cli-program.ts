/** Has kiro-cli renew its own login, so that there is one program less that does. */

/** False when there is no such program on PATH. Its output is not looked at, and it gets no input. Never throws. */
export type RunProgram = (name: string, args: readonly string[], limitMs: number) => Promise<boolean>;

/** Whether it did is only to be seen in its database. False when it is not installed. */
export function askKiroCli(runProgram: RunProgram): Promise<boolean> {
  return runProgram('kiro-cli', ['debug', 'refresh-auth-token'], LIMIT_MS);
}

const LIMIT_MS = 15_000;
