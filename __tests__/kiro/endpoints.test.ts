/** Regions and hosts (protocol 3). */

import { expect, test } from '@jest/globals';
import { apiHosts, apiRegionOf, desktopAuthHost, isProfileArn, isRegion, oidcHost } from '../../src/kiro/calls.js';
import { PROFILE } from '../support/requests.js';

const OLDER = 'https://q.eu-central-1.amazonaws.com';

test('the hosts of a region, with the older one to fall back to', () => {
  expect(apiHosts('eu-central-1', {})).toEqual({
    chat: 'https://runtime.eu-central-1.kiro.dev',
    chatFallback: OLDER,
    management: 'https://management.eu-central-1.kiro.dev',
    managementFallback: OLDER,
  });
});

test('an override is the only host, and without one of its own the control plane shares it', () => {
  expect([
    apiHosts('eu-central-1', { api: 'http://127.0.0.1:1' }),
    apiHosts('eu-central-1', { management: 'http://127.0.0.1:2' }),
    apiHosts('eu-central-1', { api: 'http://127.0.0.1:1', management: 'http://127.0.0.1:2' }),
  ]).toEqual([
    {
      chat: 'http://127.0.0.1:1',
      chatFallback: undefined,
      management: 'http://127.0.0.1:1',
      managementFallback: undefined,
    },
    {
      chat: 'https://runtime.eu-central-1.kiro.dev',
      chatFallback: OLDER,
      management: 'http://127.0.0.1:2',
      managementFallback: undefined,
    },
    {
      chat: 'http://127.0.0.1:1',
      chatFallback: undefined,
      management: 'http://127.0.0.1:2',
      managementFallback: undefined,
    },
  ]);
});

test('the hosts of logins', () => {
  expect([
    desktopAuthHost('us-east-1', {}),
    desktopAuthHost('us-east-1', { auth: 'http://127.0.0.1:1' }),
    oidcHost('ap-southeast-2', {}),
    oidcHost('ap-southeast-2', { oidc: 'http://127.0.0.1:1' }),
  ]).toEqual([
    'https://prod.us-east-1.auth.desktop.kiro.dev',
    'http://127.0.0.1:1',
    'https://oidc.ap-southeast-2.amazonaws.com',
    'http://127.0.0.1:1',
  ]);
});

test.each(['us-east-1.evil.example/', 'US-EAST-1', '', 'us-east', 'constructor', 'us-east-1\n', 'us-east-10'])(
  '%j is no region and reaches no host name',
  (region) => {
    const refused = expect.objectContaining({ kind: 'invalid-request' });
    expect(isRegion(region)).toBe(false);
    expect(() => apiHosts(region, {})).toThrow(refused);
    expect(() => desktopAuthHost(region, {})).toThrow(refused);
    expect(() => oidcHost(region, {})).toThrow(refused);
    expect(() => apiRegionOf({ setting: region })).toThrow(refused);
  },
);

test.each(['us-east-1', 'ap-southeast-2', 'us-gov-west-1'])('%s is a region', (region) => {
  expect(isRegion(region)).toBe(true);
});

const arnIn = (region: string) => PROFILE.replace('us-east-1', region);

test.each([
  ['us-east-1', {}],
  ['eu-central-1', { setting: 'eu-central-1', profileArn: arnIn('us-east-1'), loginRegion: 'us-west-2' }],
  ['eu-central-1', { profileArn: arnIn('eu-central-1'), loginRegion: 'us-west-2' }],
  ['us-east-1', { profileArn: 'nonsense', loginRegion: 'us-west-2' }],
  ['us-east-1', { profileArn: arnIn('evil.example/') }],
  ['us-east-1', { loginRegion: 'evil.example/' }],
  ['us-east-1', { loginRegion: 'us-west-1' }],
  ['us-east-1', { loginRegion: 'us-west-2' }],
  ['us-east-1', { loginRegion: 'us-east-2' }],
  ['us-east-1', { loginRegion: 'ap-southeast-1' }],
  ['us-east-1', { loginRegion: 'ap-southeast-2' }],
  ['us-east-1', { loginRegion: 'ap-northeast-1' }],
  ['us-east-1', { loginRegion: 'ap-south-1' }],
  ['eu-central-1', { loginRegion: 'eu-west-1' }],
  ['eu-central-1', { loginRegion: 'eu-west-2' }],
  ['eu-central-1', { loginRegion: 'eu-west-3' }],
  ['eu-central-1', { loginRegion: 'eu-north-1' }],
  ['eu-central-1', { loginRegion: 'eu-south-1' }],
  ['eu-central-1', { loginRegion: 'eu-south-2' }],
  ['eu-central-1', { loginRegion: 'eu-central-2' }],
  ['eu-central-1', { loginRegion: 'eu-central-1' }],
  ['sa-east-1', { loginRegion: 'sa-east-1' }],
])('the API’s region is %s for %j', (region, known) => {
  expect(apiRegionOf(known)).toBe(region);
});

test.each([
  [true, PROFILE],
  [true, PROFILE.replace('aws', 'aws-us-gov')],
  [false, ''],
  [false, `${PROFILE}\n`],
  [false, `${PROFILE}/x`],
  [false, `{"arn":"${PROFILE}"}`],
  [false, PROFILE.replace('profile/', 'role/')],
  [false, PROFILE.replace('codewhisperer', 's3')],
  [false, PROFILE.replace('111122223333', '1')],
  [false, PROFILE + 'x'.repeat(256)],
])('%s: %j is the ARN of a profile', (expected, text) => {
  expect(isProfileArn(text)).toBe(expected);
});
