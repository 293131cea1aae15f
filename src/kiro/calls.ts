/** Kiro's operations as HTTP requests, each in every form that a host may know, the newest first. */

import type { ApiHosts } from './endpoints.js';

/** One operation; the next form is tried when a host cannot be reached or does not know the one before. */
export type Call = { readonly forms: readonly Form[] };

export type Form = {
  readonly host: string;
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
};

/** What the account adds to a call. */
export type Account = { readonly profileArn: string | undefined; readonly usesApiKey: boolean };

/** The REST binding, which AWS's own client uses (protocol 13). */
export function generateCall(hosts: ApiHosts, account: Account, body: string): Call {
  // The newer host demands a profile of everybody but API keys (protocol 3.4).
  const isOlderFirst = account.profileArn === undefined && !account.usesApiKey;
  const places = isOlderFirst ? [hosts.chatFallback ?? hosts.chat] : present([hosts.chat, hosts.chatFallback]);
  const path = '/generateAssistantResponse';
  return { forms: places.map((host) => ({ host, method: 'POST', path, headers: CHAT_HEADERS, body })) };
}

/** One page of the catalogue (protocol 7.1). */
export function listModelsCall(hosts: ApiHosts, account: Account, nextToken: string | undefined): Call {
  const { profileArn } = account;
  const origin = profileArn === undefined ? 'KIRO_CLI' : 'AI_EDITOR';
  const input = { origin, profileArn, nextToken };
  return {
    forms: controlHosts(hosts).flatMap(({ host, isOlder }) => [
      jsonForm(host, 'ListAvailableModels', input),
      restForm(host, isOlder ? '/ListAvailableModels' : '/List-Available-Models', input),
    ]),
  };
}

/** One page of the account's profiles in the hosts' region (protocol 7.2). */
export function listProfilesCall(hosts: ApiHosts, _: Account, nextToken: string | undefined): Call {
  const input = { nextToken };
  return {
    forms: controlHosts(hosts).flatMap(({ host, isOlder }): Form[] => [
      jsonForm(host, 'ListAvailableProfiles', input),
      {
        host,
        method: 'POST',
        path: isOlder ? '/ListAvailableProfiles' : '/List-Available-Profiles',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(input),
      },
    ]),
  };
}

/** The account's credits (protocol 8). */
export function usageLimitsCall(hosts: ApiHosts, { profileArn }: Account): Call {
  const input = { origin: profileArn === undefined ? 'KIRO_CLI' : 'AI_EDITOR', profileArn };
  return {
    forms: controlHosts(hosts).flatMap(({ host, isOlder }) => [
      jsonForm(host, 'GetUsageLimits', input),
      restForm(host, isOlder ? '/getUsageLimits' : '/Get-Usage-Limits', { ...input, resourceType: 'AGENTIC_REQUEST' }),
    ]),
  };
}

function controlHosts({ management, managementFallback }: ApiHosts) {
  const older = managementFallback === undefined ? [] : [{ host: managementFallback, isOlder: true }];
  return [{ host: management, isOlder: false }, ...older];
}

function jsonForm(host: string, operation: string, input: object): Form {
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': `AmazonCodeWhispererService.${operation}`,
  };
  return { host, method: 'POST', path: '/', headers, body: JSON.stringify(input) };
}

function restForm(host: string, path: string, input: Readonly<Record<string, string | undefined>>): Form {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input)) if (value !== undefined) query.set(name, value);
  return { host, method: 'GET', path: `${path}?${query.toString()}`, headers: {} };
}

function present(hosts: readonly (string | undefined)[]): readonly string[] {
  return hosts.filter((host) => host !== undefined);
}

const CHAT_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/vnd.amazon.eventstream',
  'x-amzn-kiro-agent-mode': 'vibe',
};
