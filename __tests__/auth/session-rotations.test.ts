/** A day in the life of two sessions with one login: no rotation is lost, none is done twice, whatever the clock does. */

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { digestOf, type SocialCredential } from '../../src/auth/credential.js';
import { type Alone, createRefreshLock } from '../../src/auth/lock.js';
import { memoryStore } from '../../src/auth/store.js';
import { Secret } from '../../src/core/secret.js';
import { startTokenServer, type TokenRequest } from '../support/token-server.js';
import { IN_FILE, open as openLogins, SOCIAL } from './login-world.js';
import { refreshToken } from './support.js';
import { MINUTE, open, START, UNWATCHED, type World } from './world.js';

type Both = {
  readonly worlds: readonly [World, World];
  readonly clock: { now: number };
  /** The refresh token that was kept. */
  readonly kept: () => Promise<string | undefined>;
};

/** Like processes: each session has its own store and lock over the same folders. */
async function openBoth(url: string): Promise<Both> {
  const [clock, stored] = [{ now: START }, openLogins()];
  await stored.logins.saveLogin('default', LOGIN, IN_FILE);
  const openOne = () => {
    const tools = { now: () => clock.now, sleep: briefly, notice: () => undefined };
    const alone = createRefreshLock(stored.state, tools);
    return open({ url, requests: [] }, { logins: openLogins(stored).logins, alone, clock });
  };
  const kept = async () => (await stored.logins.readLogin('default'))?.tokens?.refreshToken.reveal();
  return { worlds: [await openOne(), await openOne()], clock, kept };
}

/** Without a disk, so that there is time for many rotations. */
async function openBothInMemory(url: string): Promise<Both> {
  const [clock, store, alone] = [{ now: START }, memoryStore(), lockInMemory()];
  const openOne = () => open({ url, requests: [] }, { login: LOGIN_SETTING, store, alone, clock });
  const kept = async () => (await store.read(digestOf(LOGIN)))?.refreshToken.reveal();
  return { worlds: [await openOne(), await openOne()], clock, kept };
}

function lockInMemory(): Alone {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Who waits for the other looks again soon; signs of life, every 10 s, are not needed. */
async function briefly(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds < 1_000 ? 1 : milliseconds, undefined, { signal });
}

const LOGIN: SocialCredential = {
  ...SOCIAL,
  refreshToken: new Secret(refreshToken('0')),
  accessToken: new Secret('aoa0'),
  expiresAt: START,
};

const LOGIN_SETTING = { refreshToken: LOGIN.refreshToken };

/** Every refresh token works once; `dead` counts those that came again. */
function rotating(lifeSeconds: () => number) {
  const state = { rotations: 0, dead: 0 };
  const answer = ({ body }: TokenRequest) => {
    if (!body.includes(refreshToken(String(state.rotations)))) {
      state.dead += 1;
      return { status: 401, body: {} };
    }
    state.rotations += 1;
    const name = String(state.rotations);
    const tokens = { accessToken: `aoa${name}`, refreshToken: refreshToken(name) };
    return { body: { ...tokens, expiresIn: lifeSeconds() } };
  };
  return { state, answer };
}

function checkDay(what: string, rotations: number, openTwo: (url: string) => Promise<Both>): void {
  test(`24 hours with ${rotations} rotations of ${what} in two sessions: none is lost, none is done twice`, async () => {
    const stepMs = (24 * 60 * MINUTE) / rotations;
    // Due at every step, and always a little before the end.
    const service = rotating(() => stepMs / 1000 + 50);
    const server = await startTokenServer(service.answer);
    const { worlds, clock, kept } = await openTwo(server.url);
    const differing: string[] = [];
    for (let step = 1; step <= rotations; step++) {
      const used = await Promise.all(worlds.map(({ token }) => token()));
      if (new Set([...used, `aoa${step}`]).size > 1) differing.push(used.join(' '));
      clock.now += stepMs;
    }
    expect({
      ...service.state,
      requests: server.requests.length,
      differing,
      kept: await kept(),
      hours: (clock.now - START) / (60 * MINUTE),
      notices: worlds.flatMap(({ notices }) => notices),
    }).toEqual({
      rotations,
      dead: 0,
      requests: rotations,
      differing: [],
      kept: refreshToken(String(rotations)),
      hours: 24,
      notices: [],
    });
  });
}

checkDay('a login in a setting', 1_000, openBothInMemory);
checkDay('a stored login', 100, openBoth);

test('a session that slept through the rotations of another sends no token that is spent', async () => {
  const service = rotating(() => 3600);
  const server = await startTokenServer(service.answer);
  const { worlds, clock } = await openBoth(server.url);
  const [busy, sleepy] = worlds;
  const used = [await sleepy.token()];
  for (let hour = 0; hour < 5; hour++) {
    clock.now += 60 * MINUTE;
    used.push(await busy.token());
  }
  clock.now += 60 * MINUTE;
  used.push(await sleepy.token());
  expect([used, service.state]).toEqual([
    ['aoa1', 'aoa2', 'aoa3', 'aoa4', 'aoa5', 'aoa6', 'aoa7'],
    { rotations: 7, dead: 0 },
  ]);
});

function checkJump(title: string, minutes: number, refreshes: number): void {
  test(title, async () => {
    const service = rotating(() => 3600);
    const server = await startTokenServer(service.answer);
    const { worlds, clock } = await openBoth(server.url);
    await Promise.all(worlds.map(({ token }) => token()));
    clock.now += minutes * MINUTE;
    for (let round = 0; round < 20; round++) await Promise.all(worlds.map(({ token }) => token()));
    expect([service.state, worlds.flatMap(({ notices }) => notices)]).toEqual([{ rotations: refreshes, dead: 0 }, []]);
  });
}

checkJump('a clock that jumps a day ahead costs one refresh', 24 * 60, 2);
checkJump('a clock that is set back a day costs none: the token looks young', -24 * 60, 1);
checkJump('a clock that is set back ten years costs none', -10 * 365 * 24 * 60, 1);

test('after the clock was set back, a token that Kiro refuses is renewed once for both, and the new one counts', async () => {
  const service = rotating(() => 3600);
  const server = await startTokenServer(service.answer);
  const { worlds, clock } = await openBoth(server.url);
  const before = await Promise.all(worlds.map(({ session }) => session.accessToken(UNWATCHED)));
  clock.now -= 24 * 60 * MINUTE;
  const renew = async ({ session }: World, index: number) => {
    const refused = before[index]?.token ?? new Secret('none');
    return (await session.forceRefresh(refused, UNWATCHED)).token.reveal();
  };
  const after = await Promise.all(worlds.map(renew));
  clock.now += 30 * MINUTE;
  const later = await Promise.all(worlds.map(({ token }) => token()));
  expect({ after, later, ...service.state }).toEqual({
    after: ['aoa2', 'aoa2'],
    later: ['aoa2', 'aoa2'],
    rotations: 2,
    dead: 0,
  });
});

test('tokens that live shorter than the threshold are renewed as they run out, and not at every request', async () => {
  const service = rotating(() => 100);
  const server = await startTokenServer(service.answer);
  const { worlds, clock } = await openBoth(server.url);
  for (let second = 0; second < 600; second++) {
    await Promise.all(worlds.map(({ token }) => token()));
    clock.now += 1_000;
  }
  // 1,200 requests in ten minutes, in which 15 tokens reach the last of their minutes.
  expect(service.state).toEqual({ rotations: 15, dead: 0 });
});
