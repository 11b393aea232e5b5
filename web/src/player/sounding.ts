// The stages in which the audio element has bytes, or an address at least: what happens in each on every event.

import type { Life, Stage } from './life.ts';
import type { Context, Event, Step } from './machine.ts';
import { after, begin, fall, go, loading, longer, sought, stay, stop } from './moves.ts';
import { FALLS_MAX, LOADING_QUIET_MS, PATIENCE_MS, PLACE_SECONDS, STALLED_QUIET_MS } from './patience.ts';
import type { Why } from './state.ts';

type In<Name extends Stage['name']> = Extract<Stage, { name: Name }>;

const PAUSED: Stage = { name: 'paused', lost: null };
const STALE = 'the answer to a request that was cancelled';
const HAS_BYTES = 'the audio element has bytes';

export function inLoading(life: Life, stage: In<'loading'>, event: Event, context: Context): Step {
  switch (event.type) {
    case 'media_playing':
      return go(life, { name: 'playing' });
    case 'media_data':
    case 'arriving':
      return go(life, longer(stage, LOADING_QUIET_MS, context));
    case 'time_passed':
      return silent(life, stage, stage.lost, context);
    case 'media_failed':
      return fall(life, 'error', stage.lost, context);
    case 'seek':
      return go(sought(life, event.second), loading(stage.lost, context), { type: 'seek', second: event.second });
    case 'play':
    case 'retry':
      return stay(life, 'it plays as soon as it can');
    case 'media_waiting':
    case 'media_time':
      return stay(life, 'it does not sound yet');
    default:
      return inAnySounding(life, event, context);
  }
}

export function inPlaying(life: Life, event: Event, context: Context): Step {
  switch (event.type) {
    case 'media_time':
      return { life: progressed(life, event.second), effects: [] };
    case 'media_waiting': {
      const stage = { name: 'stalled', sinceMs: context.nowMs, untilMs: context.nowMs + STALLED_QUIET_MS } as const;
      return go(life, stage);
    }
    case 'media_failed':
      return fall(life, 'error', lostBy(event.code), context);
    case 'seek':
      return { life: sought(life, event.second), effects: [{ type: 'seek', second: event.second }] };
    case 'play':
    case 'retry':
    case 'media_playing':
      return stay(life, 'it plays');
    case 'time_passed':
      return stay(life, 'nothing is awaited');
    case 'media_data':
    case 'arriving':
      return stay(life, HAS_BYTES);
    default:
      return inAnySounding(life, event, context);
  }
}

export function inStalled(life: Life, stage: In<'stalled'>, event: Event, context: Context): Step {
  switch (event.type) {
    case 'media_playing':
      return go(life, { name: 'playing' });
    case 'media_data':
    case 'arriving':
      return go(life, longer(stage, STALLED_QUIET_MS, context));
    case 'time_passed':
      return silent(life, stage, 'offline', context);
    case 'media_failed':
      return fall(life, 'error', lostBy(event.code), context);
    case 'seek': {
      const again = { ...stage, sinceMs: context.nowMs, untilMs: context.nowMs + STALLED_QUIET_MS };
      return go(sought(life, event.second), again, { type: 'seek', second: event.second });
    }
    case 'play':
    case 'retry':
      return stay(life, 'it goes on as soon as it can');
    case 'media_waiting':
    case 'media_time':
      return stay(life, 'it stands still');
    default:
      return inAnySounding(life, event, context);
  }
}

export function inPaused(life: Life, stage: In<'paused'>, event: Event, context: Context): Step {
  switch (event.type) {
    case 'play': {
      const from = life.hasEnded ? sought(life, 0) : life;
      if (stage.lost !== null) return after({ type: 'unlock' }, begin(from, stage.lost, true, context));
      const rewind = life.hasEnded ? [{ type: 'seek', second: 0 } as const] : [];
      return go(from, loading(null, context), ...rewind, { type: 'play' });
    }
    case 'seek': {
      const order = stage.lost === null ? [{ type: 'seek', second: event.second } as const] : [];
      return { life: sought(life, event.second), effects: order };
    }
    // The browser's own media controls reach the audio element too.
    case 'media_playing':
      return stage.lost === null ? go(life, { name: 'playing' }) : stay(life, 'the audio element was given up');
    case 'media_ended':
      return { life: { ...life, hasEnded: true }, effects: [] };
    case 'media_failed':
      return go(life, { name: 'paused', lost: lostBy(event.code) });
    case 'pause':
    case 'retry':
    case 'media_paused':
    case 'play_refused':
      return stay(life, 'it is paused');
    case 'media_waiting':
    case 'media_data':
    case 'arriving':
    case 'time_passed':
      return stay(life, 'nobody waits for it');
    case 'media_time':
      return stay(life, 'only somebody who seeks moves what is paused');
    default:
      return inAnySounding(life, event, context);
  }
}

type AnySounding = Exclude<
  Event,
  {
    type:
      | 'play'
      | 'retry'
      | 'seek'
      | 'arriving'
      | 'time_passed'
      | `media_${'playing' | 'waiting' | 'data' | 'time' | 'failed'}`;
  }
>;

/** What means the same wherever there are bytes. */
function inAnySounding(life: Life, event: AnySounding, context: Context): Step {
  switch (event.type) {
    case 'pause':
      return go(life, PAUSED, { type: 'pause' });
    case 'media_paused':
    case 'play_refused':
      return go(life, PAUSED);
    case 'media_ended':
      return ended(life, context);
    case 'renewed':
    case 'online':
    case 'announced':
      return stay(life, HAS_BYTES);
    case 'check_playable':
    case 'check_preparing':
    case 'request_failed':
    case 'addressed':
    case 'link_refused':
      return stay(life, STALE);
  }
}

/** Some browsers take a connection that was cut for the end. */
function ended(life: Life, context: Context): Step {
  const isEarly = context.leastSeconds !== null && life.second < context.leastSeconds;
  const isHopeless = life.falls.count >= FALLS_MAX - 1;
  if (isEarly && !isHopeless) return fall(life, 'error', 'offline', context);
  return go({ ...life, hasEnded: true }, PAUSED);
}

function silent(
  life: Life,
  stage: { readonly sinceMs: number; readonly untilMs: number },
  lost: Why | null,
  context: Context,
): Step {
  if (context.nowMs < stage.untilMs) return stay(life, 'bytes may still come');
  if (context.nowMs >= stage.sinceMs + PATIENCE_MS) return stop(life, 'took_too_long', 'now', true);
  return fall(life, 'silence', lost, context);
}

/** What is heard away from the place of a failure has made good for it. */
function progressed(life: Life, second: number): Life {
  const isElsewhere = Math.abs(second - life.falls.second) > PLACE_SECONDS;
  if (!isElsewhere) return { ...life, second };
  return { ...life, second, falls: { second: life.falls.second, count: 0 }, renewals: 0 };
}

/** `MEDIA_ERR_NETWORK`; the others are of what arrived. */
const NETWORK = 2;

function lostBy(code: number): Why {
  return code === NETWORK ? 'offline' : 'broken';
}
