/** `login`: says what it found, proves that it works, and keeps it in a safe place. */

import { withLoginOptions, type Command } from './command.js';

export const login: Command = {
  name: 'login',
  define: (command) =>
    withLoginOptions(
      command
        .description('Log in to Kiro, or take over a login of this machine')
        .option('--from <source>', 'kiro-cli, amazon-q, ide, file, env, api-key or device')
        .option('--db <path>', "database to take the login from (default: the program's own)")
        .option('--file <path>', 'JSON file to take the login from')
        .option('--start-url <url>', 'where to sign in: https://view.awsapps.com/start for a Builder ID')
        .option('--region <region>', 'region of the login, or of the API key')
        .option('--profile-arn <arn>', 'Kiro profile to use, when the account has several')
        .option('--store <store>', 'keychain, file or auto: the keychain where there is one', 'auto')
        .option('--yes', 'agree to the use of an unofficial client without being asked')
        .addHelpText('after', EXAMPLES),
    ),
  async run(_, options, context) {
    const { logIn } = await import('./login-steps.js');
    return logIn(options, context);
  },
};

const EXAMPLES = `
Examples:
  kiro-gateway login                                    asks for everything
  kiro-gateway login --from kiro-cli --yes              takes over the login of kiro-cli
  kiro-gateway login --from device --start-url https://view.awsapps.com/start --yes
  kiro-gateway login --from api-key --yes < key.txt     or with the key in KIRO_API_KEY
  kiro-gateway login --profile work                     a second login, used with --profile work
`;
