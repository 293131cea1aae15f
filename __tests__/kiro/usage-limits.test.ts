/** GetUsageLimits to our words. */

import { expect, test } from '@jest/globals';

import { usageLimitsCall } from '../../src/kiro/calls.js';
import { readUsageLimits } from '../../src/kiro/answers.js';

const NOTHING_BEYOND = { isEnabled: false, used: 0, cap: 0, rate: undefined, charges: 0, currency: 'USD' };

test('the row of credits is read with precision, trial and bonuses only where they are active', () => {
  const answer = {
    nextDateReset: 1_796_083_200.5,
    usageBreakdownList: [
      { resourceType: 'VIBE', currentUsage: 1, usageLimit: 2 },
      {
        resourceType: 'CREDIT',
        currentUsage: 12,
        currentUsageWithPrecision: 12.34,
        usageLimit: 50,
        currentOverages: 3,
        currentOveragesWithPrecision: 3.5,
        overageCap: 100,
        overageRate: 0.04,
        overageCharges: 0.14,
        currency: 'EUR',
        freeTrialInfo: {
          freeTrialStatus: 'ACTIVE',
          freeTrialExpiry: 1_796_000_000,
          currentUsageWithPrecision: 7.5,
          usageLimit: 500,
        },
        bonuses: [
          { bonusCode: 'HELLO', displayName: 'Hello', currentUsage: 1, usageLimit: 10, expiresAt: 1_796_000_001 },
          { bonusCode: 'OLD', currentUsage: 1, usageLimit: 10, status: 'EXPIRED' },
          { bonusCode: 'NAMELESS', currentUsage: 0, usageLimit: 5, status: 'ACTIVE' },
        ],
      },
    ],
    subscriptionInfo: { subscriptionTitle: 'KIRO PRO+' },
    overageConfiguration: { overageStatus: 'ENABLED' },
  };
  expect(readUsageLimits(answer)).toEqual({
    plan: 'KIRO PRO+',
    base: { name: 'plan', used: 12.34, limit: 50, expiresAt: undefined },
    trial: { name: 'trial', used: 7.5, limit: 500, expiresAt: 1_796_000_000_000 },
    bonuses: [
      { name: 'Hello', used: 1, limit: 10, expiresAt: 1_796_000_001_000 },
      { name: 'NAMELESS', used: 0, limit: 5, expiresAt: undefined },
    ],
    overage: { isEnabled: true, used: 3.5, cap: 100, rate: 0.04, charges: 0.14, currency: 'EUR' },
    resetsAt: 1_796_083_200_500,
  });
});

test('a day that no calendar has is not known', () => {
  const answer = { nextDateReset: 1e30, usageBreakdownList: [{ resourceType: 'CREDIT', usageLimit: 50 }] };
  expect(readUsageLimits(answer)).toMatchObject({ base: { limit: 50 }, resetsAt: undefined });
});

test('an old answer with one row, and hardly anything in it, is read too', () => {
  expect(
    readUsageLimits({
      usageBreakdown: {
        resourceType: 'AGENTIC_REQUEST',
        usageLimit: 50,
        freeTrialInfo: { freeTrialStatus: 'EXPIRED' },
        bonuses: null,
      },
    }),
  ).toEqual({
    plan: undefined,
    base: { name: 'plan', used: 0, limit: 50, expiresAt: undefined },
    trial: undefined,
    bonuses: [],
    overage: NOTHING_BEYOND,
    resetsAt: undefined,
  });
});

for (const answer of [undefined, 'no', {}, { usageBreakdownList: [{ currentUsage: 'many' }] }]) {
  test(`${JSON.stringify(answer)} is not Kiro's protocol`, () => {
    expect(() => readUsageLimits(answer)).toThrow(expect.objectContaining({ kind: 'upstream-protocol' }));
  });
}

test('both hosts are asked in both bindings and by both paths, the newer first', () => {
  const hosts = { chat: '', chatFallback: undefined, management: 'https://new', managementFallback: 'https://old' };
  const arn = 'arn:aws:codewhisperer:us-east-1:111122223333:profile/A';
  const target = {
    method: 'POST',
    path: '/',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AmazonCodeWhispererService.GetUsageLimits',
    },
    body: JSON.stringify({ origin: 'AI_EDITOR', profileArn: arn }),
  };
  const query = `origin=AI_EDITOR&profileArn=${encodeURIComponent(arn)}&resourceType=AGENTIC_REQUEST`;
  expect(usageLimitsCall(hosts, { profileArn: arn, tokenTypeHeader: undefined })).toEqual([
    { host: 'https://new', ...target },
    { host: 'https://new', method: 'GET', path: `/Get-Usage-Limits?${query}`, headers: {} },
    { host: 'https://new', method: 'GET', path: `/getUsageLimits?${query}`, headers: {} },
    { host: 'https://old', ...target },
    { host: 'https://old', method: 'GET', path: `/Get-Usage-Limits?${query}`, headers: {} },
    { host: 'https://old', method: 'GET', path: `/getUsageLimits?${query}`, headers: {} },
  ]);
});
