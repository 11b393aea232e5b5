// The life of one player's playback as a pure state machine: no DOM, no request, no clock.
//
//            play                playable               address
//   idle ──────────▶ asking ───────────────▶ addressing ───────▶ loading ──▶ playing ◀──▶ stalled
//                    ▲  │ │                    │ wants no sound     │           │            │
//          time, news│  │ │ link expired       └───────▶ paused ◀───┴── pause ──┴────────────┤
//                    │  │ └────────▶ renewing ─┐           │ play                            │
//                    │  ▼                      │           └──▶ loading                      │
//                  waiting ◀───────────────────┘                                             │
//                    ▲            (another link: asking)                                     │
//                    └──────────── fall: error, or silence for too long ────────────────────┘
//
//   Any of them that is refused for good, or has used up a bound (patience.ts), goes to `stopped`; `retry`, `play` and
//   other credentials lead out of it, to `asking`.
//
// Invariants: at most one request is under way, and every stage that waits for somebody else has a deadline
// (`deadlineOf`). A pair of stage and event that changes nothing says why.

import { inAddressing, inAsking, inIdle, inRenewing, inStopped, inWaiting } from './getting.ts';
import type { Life } from './life.ts';
import type { Fault } from './refusals.ts';
import { inLoading, inPaused, inPlaying, inStalled } from './sounding.ts';

/** Everything that can happen. */
export type Event =
  // Somebody wants something.
  | { readonly type: 'play' }
  | { readonly type: 'pause' }
  | { readonly type: 'retry' }
  | { readonly type: 'seek'; readonly second: number }
  /** There are other credentials, whether they were asked for or not. */
  | { readonly type: 'renewed' }
  // Answers.
  | { readonly type: 'check_playable'; readonly request: number }
  | { readonly type: 'check_preparing'; readonly request: number; readonly retryAfterMs: number | null }
  | { readonly type: 'request_failed'; readonly request: number; readonly fault: Fault }
  | { readonly type: 'addressed'; readonly request: number; readonly url: string }
  | { readonly type: 'link_refused'; readonly request: number }
  // The world.
  | { readonly type: 'time_passed' }
  /** By `/events`: bytes can be had, or never will. */
  | { readonly type: 'announced' }
  /** By `/events`: bytes arrive, so that waiting for them makes sense. */
  | { readonly type: 'arriving' }
  | { readonly type: 'online' }
  // The audio element.
  | { readonly type: 'media_playing' }
  | { readonly type: 'media_waiting' }
  /** It received bytes. */
  | { readonly type: 'media_data' }
  | { readonly type: 'media_time'; readonly second: number }
  | { readonly type: 'media_paused' }
  | { readonly type: 'media_ended' }
  /** `MediaError.code`. */
  | { readonly type: 'media_failed'; readonly code: number }
  /** The browser wants somebody to press again. */
  | { readonly type: 'play_refused' };

/** Everything the machine may order. The store has exactly one place that obeys. */
export type Effect =
  | { readonly type: 'check'; readonly request: number }
  | { readonly type: 'address'; readonly request: number }
  | { readonly type: 'renew_link'; readonly request: number }
  /** Ends the request that is under way. */
  | { readonly type: 'cancel' }
  /** Somebody pressed just now: the audio element may sound later, too. */
  | { readonly type: 'unlock' }
  | { readonly type: 'load'; readonly url: string; readonly second: number }
  | { readonly type: 'play' }
  | { readonly type: 'pause' }
  | { readonly type: 'seek'; readonly second: number }
  | { readonly type: 'unload' };

/** What a decision needs and the life does not hold. */
export interface Context {
  readonly nowMs: number;
  /** It lasts so long or longer, as far as the service knows. */
  readonly leastSeconds: number | null;
}

export interface Step {
  readonly life: Life;
  readonly effects: readonly Effect[];
  /** Why nothing happens, where nothing does. */
  readonly because?: string;
}

/** The table. One function for each stage, in `getting.ts` and `sounding.ts`. */
export function step(life: Life, event: Event, context: Context): Step {
  const { stage } = life;
  switch (stage.name) {
    case 'idle':
      return inIdle(life, event, context);
    case 'asking':
      return inAsking(life, stage, event, context);
    case 'waiting':
      return inWaiting(life, stage, event, context);
    case 'renewing':
      return inRenewing(life, stage, event, context);
    case 'addressing':
      return inAddressing(life, stage, event, context);
    case 'loading':
      return inLoading(life, stage, event, context);
    case 'playing':
      return inPlaying(life, event, context);
    case 'paused':
      return inPaused(life, stage, event, context);
    case 'stalled':
      return inStalled(life, stage, event, context);
    case 'stopped':
      return inStopped(life, stage, event, context);
  }
}
