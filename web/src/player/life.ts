// The life of one player's playback, as its machine (machine.ts) knows it, and what views see of it.

import { PATIENCE_MS } from './patience.ts';
import type { Playback, Retry, Why } from './state.ts';

export interface Life {
  readonly stage: Stage;
  /** Where it plays, or will. */
  readonly second: number;
  readonly hasEnded: boolean;
  /** The number of the latest request. None is used twice: an answer to another one is stale. */
  readonly request: number;
  readonly checkedAtMs: number | null;
  /** How often the audio element has failed here. */
  readonly falls: { readonly second: number; readonly count: number };
  /** Links asked for since there was progress. */
  readonly renewals: number;
}

export type Stage =
  /** Nobody has pressed play. */
  | { readonly name: 'idle' }
  /** A check is under way; `hasNewCredentials`: since it was sent. */
  | { readonly name: 'asking'; readonly effort: Effort; readonly untilMs: number; readonly hasNewCredentials: boolean }
  /** Between two checks; null: because it is not here yet. */
  | { readonly name: 'waiting'; readonly effort: Effort; readonly checkAtMs: number; readonly because: Why | null }
  /** The host page is asked for another link. */
  | { readonly name: 'renewing'; readonly effort: Effort; readonly untilMs: number }
  /** Bytes are there; the audio element's address is asked for. */
  | { readonly name: 'addressing'; readonly effort: Effort; readonly untilMs: number }
  /** The audio element has been told to play. */
  | { readonly name: 'loading'; readonly lost: Why | null; readonly sinceMs: number; readonly untilMs: number }
  | { readonly name: 'playing' }
  /** `lost`: the audio element failed meanwhile; asked again when sound is wanted. */
  | { readonly name: 'paused'; readonly lost: Why | null }
  | { readonly name: 'stalled'; readonly sinceMs: number; readonly untilMs: number }
  | { readonly name: 'stopped'; readonly why: Why; readonly retry: Retry; readonly wantsSound: boolean };

/** From the wish for sound until the audio element has an address: what its bounds count. */
export interface Effort {
  readonly sinceMs: number;
  /** What was lost in mid-play, or last stood in the way of getting it back; null: nothing was heard yet. */
  readonly lost: Why | null;
  readonly wantsSound: boolean;
  /** How often the answer was "not yet". */
  readonly waits: number;
  /** How often it was another one, or none. */
  readonly failures: number;
  /** How often an announcement brought a check forward. */
  readonly hurries: number;
}

export function born(second: number): Life {
  return {
    stage: { name: 'idle' },
    second,
    hasEnded: false,
    request: 0,
    checkedAtMs: null,
    falls: { second: 0, count: 0 },
    renewals: 0,
  };
}

export const givenUpAtMs = (effort: Effort): number => effort.sinceMs + PATIENCE_MS;

/** When the machine wants to hear that time has passed; null: it waits for somebody, or for the sound to end. */
export function deadlineOf({ stage }: Life): number | null {
  switch (stage.name) {
    case 'asking':
    case 'renewing':
    case 'addressing':
    case 'loading':
    case 'stalled':
      return stage.untilMs;
    case 'waiting':
      return stage.checkAtMs;
    case 'idle':
    case 'playing':
    case 'paused':
    case 'stopped':
      return null;
  }
}

/** Whether sound is wanted: what the button that starts and stops it shows. */
export function wantsSound({ stage }: Life): boolean {
  switch (stage.name) {
    case 'asking':
    case 'waiting':
    case 'renewing':
    case 'addressing':
      return stage.effort.wantsSound;
    case 'loading':
    case 'playing':
    case 'stalled':
      return true;
    case 'idle':
    case 'paused':
    case 'stopped':
      return false;
  }
}

export function playbackOf({ stage }: Pick<Life, 'stage'>): Playback {
  switch (stage.name) {
    case 'asking':
    case 'renewing':
      return awaited(stage.effort, null);
    case 'waiting':
      return awaited(stage.effort, stage.checkAtMs);
    case 'addressing':
      return begun(stage.effort.lost);
    case 'loading':
      return begun(stage.lost);
    case 'stopped':
      return { name: 'stopped', why: stage.why, retry: stage.retry };
    case 'idle':
    case 'playing':
    case 'paused':
    case 'stalled':
      return { name: stage.name };
  }
}

function awaited({ lost, sinceMs }: Effort, checkAtMs: number | null): Playback {
  return lost === null ? { name: 'preparing', sinceMs, checkAtMs } : { name: 'recovering', why: lost, checkAtMs };
}

function begun(lost: Why | null): Playback {
  return lost === null ? { name: 'starting' } : { name: 'recovering', why: lost, checkAtMs: null };
}
