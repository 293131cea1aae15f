/** AWS's own client as a referee: what it would send for the body that we send. It sends nothing. */

import {
  CodeWhispererStreaming,
  type GenerateAssistantResponseCommandInput,
} from '@aws/codewhisperer-streaming-client';
import type { Body } from './requests.js';

/** The JSON that AWS's client makes of our body. It reads bytes where JSON has base64. */
export async function serialiseOfficially(body: Body): Promise<unknown> {
  let sent = '';
  const client = new CodeWhispererStreaming({
    region: 'us-east-1',
    token: { token: 'x' },
    maxAttempts: 1,
    requestHandler: {
      handle({ body: bytes }: { body: Uint8Array }) {
        sent = new TextDecoder().decode(Uint8Array.from(bytes));
        return Promise.reject(new Error('not sent'));
      },
    },
  });
  // The shape is what is being judged: if it is wrong, the comparison says so.
  const input = withBytes(body) as GenerateAssistantResponseCommandInput;
  await client.generateAssistantResponse(input).catch((thrown: unknown) => {
    if (!(thrown instanceof Error) || thrown.message !== 'not sent') throw thrown;
  });
  return JSON.parse(sent);
}

function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
    const isBlob = typeof item === 'string' && (key === 'redactedContent' || (key === 'bytes' && isSource(value)));
    return [key, isBlob ? Uint8Array.from(Buffer.from(item, 'base64')) : withBytes(item)];
  });
  return Object.fromEntries(entries);
}

function isSource(value: object): boolean {
  return Object.keys(value).length === 1;
}
