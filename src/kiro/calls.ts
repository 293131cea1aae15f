/** Kiro's operations as HTTP requests, each in every form that a host may know, the newest first. */

import { GatewayError } from '../core/errors.js';
import type { Access } from './client.js';

/** One operation in its forms: the next is tried when a host cannot be reached, or does not know the one before. */
export type Call = readonly Form[];

type Form = {
  readonly host: string;
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
};

/** What the account adds to a call. */
export type Account = Pick<Access, 'profileArn' | 'tokenTypeHeader'>;

/** Which of Kiro's own clients a request looks like: its CLI without a profile, its editor with one. */
export function originOf(profileArn: string | undefined): string {
  return profileArn === undefined ? 'KIRO_CLI' : 'AI_EDITOR';
}

/** The REST binding, which AWS's own client uses (protocol 13), then that of kiro-cli, with the same body (4.1). */
export function generateCall(hosts: ApiHosts, account: Account, body: string): Call {
  // A client that calls itself the CLI has no mode of the editor (protocol 4.2).
  const mode = account.profileArn === undefined ? {} : { 'x-amzn-kiro-agent-mode': 'vibe' };
  return chatHosts(hosts, account).flatMap((host) => [
    postForm(host, '/generateAssistantResponse', { ...CHAT_HEADERS, ...mode }, body),
    postForm(host, '/', { ...CHAT_HEADERS, ...mode, ...KIRO_CLI_HEADERS }, body),
  ]);
}

/** One page of the catalogue (protocol 7.1). */
export function listModelsCall(hosts: ApiHosts, account: Account, nextToken: string | undefined): Call {
  const { profileArn } = account;
  const input = { origin: originOf(profileArn), profileArn, nextToken };
  return controlHosts(hosts, account).flatMap((host) => [
    jsonForm(host, 'ListAvailableModels', input),
    jsonForm(host, 'ListAvailableModels', input, 'KiroControlPlaneBearerService'),
    queryForm(host, '/List-Available-Models', input),
    queryForm(host, '/ListAvailableModels', input),
  ]);
}

/** One page of the account's profiles in the hosts' region (protocol 7.2). */
export function listProfilesCall(hosts: ApiHosts, _: Account, nextToken: string | undefined): Call {
  const body = JSON.stringify({ nextToken });
  return controlHosts(hosts).flatMap((host) => [
    jsonForm(host, 'ListAvailableProfiles', { nextToken }),
    postForm(host, '/List-Available-Profiles', JSON_HEADERS, body),
    postForm(host, '/ListAvailableProfiles', JSON_HEADERS, body),
  ]);
}

/** The account's credits (protocol 8). */
export function usageLimitsCall(hosts: ApiHosts, account: Account): Call {
  const { profileArn } = account;
  const input = { origin: originOf(profileArn), profileArn };
  const query = { ...input, resourceType: 'AGENTIC_REQUEST' };
  return controlHosts(hosts, account).flatMap((host) => [
    jsonForm(host, 'GetUsageLimits', input),
    queryForm(host, '/Get-Usage-Limits', query),
    queryForm(host, '/getUsageLimits', query),
  ]);
}

/** A search of the web, as JSON-RPC (protocol 9). The id is any name for this call. */
export function webSearchCall(hosts: ApiHosts, account: Account, { query, id }: { query: string; id: string }): Call {
  const params = { name: 'web_search', arguments: { query } };
  const body = JSON.stringify({ id: `web_search_${id}`, jsonrpc: '2.0', method: 'tools/call', params });
  return chatHosts(hosts, account).map((host) => postForm(host, '/mcp', JSON_HEADERS, body));
}

/** The newer host demands a profile of everybody but API keys (protocol 3.4). */
function isWithoutProfile({ profileArn, tokenTypeHeader }: Account): boolean {
  return profileArn === undefined && tokenTypeHeader !== 'API_KEY';
}

function chatHosts({ chat, chatFallback }: ApiHosts, account: Account): readonly string[] {
  if (isWithoutProfile(account)) return [chatFallback ?? chat];
  return [chat, chatFallback].filter((host) => host !== undefined);
}

/** @param account Whose profile belongs to the question, where one does. */
function controlHosts({ management, managementFallback }: ApiHosts, account?: Account): readonly string[] {
  const hosts = [management, managementFallback].filter((host) => host !== undefined);
  return account !== undefined && isWithoutProfile(account) ? hosts.toReversed() : hosts;
}

function postForm(host: string, path: string, headers: Form['headers'], body: string): Form {
  return { host, method: 'POST', path, headers, body };
}

function jsonForm(host: string, operation: string, input: object, service = 'AmazonCodeWhispererService'): Form {
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `${service}.${operation}` };
  return postForm(host, '/', headers, JSON.stringify(input));
}

function queryForm(host: string, path: string, input: Readonly<Record<string, string | undefined>>): Form {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input)) if (value !== undefined) query.set(name, value);
  return { host, method: 'GET', path: `${path}?${query.toString()}`, headers: {} };
}

const JSON_HEADERS = { 'content-type': 'application/json' };

const CHAT_HEADERS = { ...JSON_HEADERS, accept: 'application/vnd.amazon.eventstream' };

const KIRO_CLI_HEADERS = {
  'content-type': 'application/x-amz-json-1.0',
  'x-amz-target': 'AmazonCodeWhispererStreamingService.GenerateAssistantResponse',
};

/** Base URLs without a trailing slash, from the settings of the same meaning. Https or loopback only. */
export type HostOverrides = {
  readonly api?: string | undefined;
  readonly management?: string | undefined;
  readonly auth?: string | undefined;
  readonly oidc?: string | undefined;
};

/** Where the operations of one API region live. A fallback is tried once; with an override there is none. */
export type ApiHosts = {
  readonly chat: string;
  readonly chatFallback: string | undefined;
  readonly management: string;
  readonly managementFallback: string | undefined;
};

export function apiHosts(apiRegion: string, overrides: HostOverrides): ApiHosts {
  const region = checkedRegion(apiRegion);
  const older = `https://q.${region}.amazonaws.com`;
  const management = overrides.management ?? overrides.api;
  return {
    chat: overrides.api ?? `https://runtime.${region}.kiro.dev`,
    chatFallback: overrides.api === undefined ? older : undefined,
    management: management ?? `https://management.${region}.kiro.dev`,
    managementFallback: management === undefined ? older : undefined,
  };
}

/** The desktop service that refreshes social logins. */
export function desktopAuthHost(authRegion: string, overrides: HostOverrides): string {
  return overrides.auth ?? `https://prod.${checkedRegion(authRegion)}.auth.desktop.kiro.dev`;
}

/** AWS SSO OIDC of the region a login lives in. */
export function oidcHost(ssoRegion: string, overrides: HostOverrides): string {
  return overrides.oidc ?? `https://oidc.${checkedRegion(ssoRegion)}.amazonaws.com`;
}

/**
 * The region of the API, which is not the region of the login: the setting, else the profile's ARN, else the login's
 * region mapped to one where the API exists, else `us-east-1`.
 */
export function apiRegionOf(known: {
  readonly setting?: string | undefined;
  readonly profileArn?: string | undefined;
  readonly loginRegion?: string | undefined;
}): string {
  if (known.setting !== undefined) return checkedRegion(known.setting);
  const fromArn = known.profileArn?.split(':')[3];
  if (fromArn !== undefined && isRegion(fromArn)) return fromArn;
  const login = known.loginRegion;
  if (login === undefined || !isRegion(login)) return DEFAULT_REGION;
  return LOGIN_ONLY.find(([pattern]) => pattern.test(login))?.[1] ?? login;
}

export function isRegion(text: string): boolean {
  return /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(text);
}

/** The form of a profile ARN; anything else never leaves this machine. */
export function isProfileArn(text: string): boolean {
  return text.length <= 256 && /^arn:aws[a-z-]*:codewhisperer:[a-z0-9-]+:\d{12}:profile\/[A-Za-z0-9._-]+$/.test(text);
}

export const DEFAULT_REGION = 'us-east-1';

/** Where profiles are known to be. */
export const API_REGIONS: readonly string[] = ['us-east-1', 'eu-central-1'];

function checkedRegion(region: string): string {
  if (isRegion(region)) return region;
  throw new GatewayError('invalid-request', `${JSON.stringify(region)} is not an AWS region; use one like us-east-1.`);
}

/** Regions where people sign in and no API is, and the one that serves them. */
const LOGIN_ONLY: readonly (readonly [RegExp, string])[] = [
  [/^(?:us-west-[12]|us-east-2|ap-southeast-[12]|ap-northeast-1|ap-south-1)$/, 'us-east-1'],
  [/^eu-(?:west-[123]|north-1|south-[12]|central-2)$/, 'eu-central-1'],
];
