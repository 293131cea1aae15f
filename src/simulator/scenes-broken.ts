/** Scenes of a service in trouble: streams that fail, stop, break or say nothing. */
import type { Prompt } from './prompt.js';
import type { Pace, StreamReply } from './reply.js';
import { FAILURES } from './failures.js';
import { encodeSceneLine } from './frames.js';
import { closing, compose, cutWords, delta, opening, paced, say } from './script.js';

export const BROKEN_TEXT = 'These words arrive before something goes wrong.';

export const EXCEPTION_FIRST = { exception: 'ThrottlingException', payload: sayFailure(FAILURES.throttled) } as const;

export const EXCEPTION_LATER = {
  exception: 'InternalServerException',
  payload: sayFailure(FAILURES.serverError),
} as const;

export const ERROR_FRAME = { error: 'InternalFailure', message: 'The service failed while it was answering.' } as const;

export function exceptionFirst(): StreamReply {
  return { frames: [EXCEPTION_FIRST] };
}

export function exceptionLater(prompt: Prompt): StreamReply {
  return { frames: paced([...opening(prompt), ...say(prompt, BROKEN_TEXT), EXCEPTION_LATER]) };
}

export function errorFrame(prompt: Prompt): StreamReply {
  return { frames: paced([...opening(prompt), ...say(prompt, BROKEN_TEXT), ERROR_FRAME]) };
}

export function slowFirstByte(prompt: Prompt, pace: Pace): StreamReply {
  return { ...compose(prompt, say(prompt, 'Sorry to keep you waiting.')), delayMs: pace === 'human' ? 5000 : 300 };
}

export function stall(prompt: Prompt): StreamReply {
  return { frames: paced([...opening(prompt), ...say(prompt, BROKEN_TEXT)]), thenStall: true };
}

/** The last frame is only half there. */
export function cut(prompt: Prompt): StreamReply {
  const frame = encodeSceneLine(delta(prompt, 'These words never arrive.'));
  const half = frame.subarray(0, Math.floor(frame.length / 2));
  return { frames: paced([...opening(prompt), ...say(prompt, BROKEN_TEXT), half]), thenDestroy: true };
}

/** One bit of a payload is turned over, so the last checksum of its frame is wrong. */
export function damaged(prompt: Prompt): StreamReply {
  const frame = Buffer.from(encodeSceneLine(delta(prompt, 'Damaged words.')));
  const place = frame.length - 10;
  frame.writeUInt8(frame.readUInt8(place) ^ 1, place);
  return {
    frames: paced([...opening(prompt), ...say(prompt, BROKEN_TEXT), frame, ...closing(prompt, [], 'END_TURN')]),
  };
}

export function unknownEvents(prompt: Prompt): StreamReply {
  const [first, ...rest] = cutWords('Text goes on between the events that nobody knows.');
  const strangers = [
    { event: 'somethingNewEvent', payload: { content: 'not text', toolUseId: 'not a tool' } },
    {
      event: 'followupPromptEvent',
      payload: { followupPrompt: { content: 'Not text either.', userIntent: 'EXPLAIN_CODE_SELECTION' } },
    },
    { event: 'codeReferenceEvent', payload: { references: [{ licenseName: 'MIT', repository: 'somewhere/else' }] } },
    {
      event: 'supplementaryWebLinksEvent',
      payload: { supplementaryWebLinks: [{ url: 'https://example.com/', title: 'Example' }] },
    },
    { event: 'intentsEvent', payload: { intents: {} } },
    { event: 'anotherNewEvent', payload: {} },
  ];
  const parts = [
    delta(prompt, first ?? ''),
    ...strangers,
    ...rest.map((content) => ({
      event: 'assistantResponseEvent',
      payload: { content, unknownField: [1, { two: 3 }] },
    })),
  ];
  return compose(prompt, parts, 'END_TURN');
}

export function empty(): StreamReply {
  return { frames: [] };
}

export function metadataOnly(prompt: Prompt): StreamReply {
  return { frames: paced(closing(prompt, [], 'END_TURN')) };
}

function sayFailure({ message, reason }: { readonly message: string; readonly reason: string | null }): object {
  return reason === null ? { message } : { message, reason };
}
