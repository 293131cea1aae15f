/**
 * The real keychain of Linux: gnome-keyring, in a D-Bus session of its own with a keyring of its own. It needs
 * `apt-get install libsecret-1-0 gnome-keyring dbus`; without these, what a machine without a keychain does is tested.
 */

import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { isInstalled, startScript } from '../support/script.js';
import { temporaryFolder } from '../support/folder.js';

const MISSING = ['dbus-run-session', 'dbus-send', 'gnome-keyring-daemon'].filter((it) => !isInstalled(it));
const IS_INSTALLED = process.platform === 'linux' && MISSING.length === 0;
if (!IS_INSTALLED) {
  process.stderr.write(`The real keychain is not tested: ${MISSING.join(', ') || process.platform} is missing here.\n`);
}

/** A keyring that the password of the login has opened. */
const OPEN_KEYRING = 'printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null';

check('an open keychain keeps entries and logins, and the disk holds no secret', {
  wrapper: session(OPEN_KEYRING),
  report: () => ({
    available: { ok: true },
    missing: null,
    roundTrip: true,
    overwritten: 'short',
    deleted: [true, false],
    saved: 'keychain',
    lock: false,
    read: true,
    removed: true,
    secretsOnDisk: [],
    notices: [],
  }),
});

const IN_KEYCHAIN = 'The login work in the keychain does not exist any more, or the keychain is locked';
check('a keychain that is locked later says so, and a login in it is not forgotten', {
  wrapper: session(OPEN_KEYRING),
  plan: 'lock',
  report: () => ({
    available: { ok: true },
    missing: null,
    roundTrip: true,
    overwritten: 'short',
    deleted: [true, false],
    saved: 'keychain',
    lock: true,
    read: `${IN_KEYCHAIN}; unlock it, or run \`kiro-gateway login --profile work\` again.`,
    removed: 'The keychain is locked. The login work is still there; try again when that is fixed.',
    secretsOnDisk: [],
    notices: [],
  }),
});

check('a locked keychain takes nothing, and the login goes to a file, with a notice', {
  wrapper: session(
    `${OPEN_KEYRING}; dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets ` +
      'org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login >/dev/null',
  ),
  report: (folder) => inFile(folder, 'The keychain is locked.', null, [false, false]),
});

check('a keychain that has not been set up takes nothing, and the login goes to a file, with a notice', {
  wrapper: session('true'),
  report: (folder) => inFile(folder, 'The keychain has not been set up yet.', null, [false, false]),
});

check('without D-Bus the login goes to a file, with a notice', {
  wrapper: [],
  report(folder) {
    const reason = 'There is no D-Bus session here, and so no keychain.';
    return inFile(folder, reason, reason, reason);
  },
});

// --- helpers

type Case = {
  readonly wrapper: readonly string[];
  readonly plan?: string;
  readonly report: (folder: string) => object;
};

function check(title: string, { wrapper, plan = 'whole', report }: Case): void {
  test(title, async () => {
    const folder = temporaryFolder();
    const env = { HOME: folder, XDG_DATA_HOME: join(folder, 'keyrings'), XDG_RUNTIME_DIR: folder };
    // Elsewhere than on Linux, the keychain would be the person's own.
    const usedPlan = process.platform === 'linux' ? plan : 'none';
    // The services of the session have much to say that is not of interest.
    const surroundings = IS_INSTALLED ? { env, wrapper, stderr: 'ignore' as const } : { env };
    const script = startScript('real-keychain.ts', [folder, usedPlan], surroundings);
    const found: unknown = JSON.parse((await script.line()) ?? 'null');
    await script.ended();
    expect(found).toEqual(IS_INSTALLED ? report(folder) : withoutKeychain(folder, found));
  });
}

/** A D-Bus session of its own, which ends with the script. */
function session(preparation: string): readonly string[] {
  return ['dbus-run-session', '--', 'bash', '-c', `${preparation}; "$@"`, 'bash'];
}

function inFile(folder: string, reason: string, missing: unknown, deleted: unknown): object {
  const path = join(folder, 'data', 'logins', 'work~1.json');
  return {
    available: { ok: false, reason },
    missing,
    roundTrip: reason,
    overwritten: reason,
    deleted,
    saved: 'file',
    lock: false,
    read: true,
    removed: true,
    secretsOnDisk: ['logins'],
    notices: [`${reason} The login is kept in the file ${path} instead, which only you can read.`],
  };
}

/** Here the reason is this machine's own. */
function withoutKeychain(folder: string, found: unknown): object {
  const reason = /"ok":false,"reason":"([^"]+)"/.exec(JSON.stringify(found))?.[1] ?? 'no reason';
  return inFile(folder, reason, reason, reason);
}
