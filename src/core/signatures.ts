/** What the first bytes of a file say that it is. */

import type { ImageFormat } from './conversation.js';

export function imageFormatOf(bytes: Uint8Array): ImageFormat | undefined {
  const head = latin1(bytes, 12);
  if (head.startsWith('\u0089PNG\r\n\u001a\n')) return 'png';
  if (head.startsWith('\u00ff\u00d8\u00ff')) return 'jpeg';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  return head.startsWith('RIFF') && head.endsWith('WEBP') ? 'webp' : undefined;
}

export function isPdf(bytes: Uint8Array): boolean {
  return latin1(bytes, 5) === '%PDF-';
}

function latin1(bytes: Uint8Array, length: number): string {
  return String.fromCharCode(...bytes.subarray(0, length));
}
