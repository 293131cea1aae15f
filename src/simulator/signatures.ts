/** Signatures of reasoning: a recognisable prefix and a digest, so that a replayed block can be judged without memory. */
import { createHash } from 'node:crypto';

export function signReasoning(text: string): string {
  return SIGNATURE_PREFIX + digest(text);
}

export function isSignatureOf(text: string, signature: string): boolean {
  return signature === signReasoning(text);
}

/** A redacted block is opaque to everyone but its maker. */
export function redactReasoning(text: string): string {
  return Buffer.from(REDACTED_PREFIX + digest(text)).toString('base64');
}

export function isRedactedByUs(data: string): boolean {
  return Buffer.from(data, 'base64').toString().startsWith(REDACTED_PREFIX);
}

function digest(text: string): string {
  return createHash('sha512').update(text).digest('base64');
}

const SIGNATURE_PREFIX = 'SimulatorSignature';
const REDACTED_PREFIX = 'simulator-redacted:';
