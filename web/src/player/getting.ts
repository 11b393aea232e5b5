// The stages in which the audio element has no bytes: what happens in each on every event.

import { type Effort, givenUpAtMs, type Life, type Stage } from './life.ts';
import type { Context, Event, Step } from './machine.ts';
import { after, ask, go, loading, NO_ANSWER, refuse, sought, startOver, stay, stop, wait } from './moves.ts';
import { ANSWER_MS, CHECK_GAP_MS, HURRIES_MAX, preparingPauseMs } from './patience.ts';

type In<Name extends Stage['name']> = Extract<Stage, { name: Name }>;
type Getting = In<'asking' | 'waiting' | 'renewing' | 'addressing'>;

const STALE = 'the answer to a request that was cancelled';
const NOBODY_ASKED = 'nobody has asked for sound';

export function inIdle(life: Life, event: Event, context: Context): Step {
  switch (event.type) {
    case 'play':
      return after({ type: 'unlock' }, startOver(life, true, context));
    case 'seek':
      return { life: sought(life, event.second), effects: [] };
    case 'pause':
    case 'retry':
    case 'renewed':
    case 'announced':
    case 'arriving':
    case 'online':
    case 'time_passed':
      return stay(life, NOBODY_ASKED);
    case 'check_playable':
    case 'check_preparing':
    case 'request_failed':
    case 'addressed':
    case 'link_refused':
      return stay(life, STALE);
    case 'media_playing':
    case 'media_waiting':
    case 'media_data':
    case 'media_time':
    case 'media_paused':
    case 'media_ended':
    case 'media_failed':
    case 'play_refused':
      return stay(life, 'the audio element has no address');
  }
}

export function inAsking(life: Life, stage: In<'asking'>, event: Event, context: Context): Step {
  const { effort } = stage;
  switch (event.type) {
    case 'check_playable': {
      if (event.request !== life.request) return stay(life, STALE);
      const request = life.request + 1;
      const untilMs = context.nowMs + ANSWER_MS;
      return go({ ...life, request }, { name: 'addressing', effort, untilMs }, { type: 'address', request });
    }
    case 'check_preparing': {
      if (event.request !== life.request) return stay(life, STALE);
      if (context.nowMs >= givenUpAtMs(effort)) return stop(life, 'took_too_long', 'now', effort.wantsSound);
      const pauseMs = event.retryAfterMs ?? preparingPauseMs(effort.waits);
      return wait(life, { ...effort, waits: effort.waits + 1 }, pauseMs, null, context);
    }
    case 'request_failed':
      if (event.request !== life.request) return stay(life, STALE);
      if (event.fault.status === 401 && stage.hasNewCredentials) return ask(life, effort, context);
      return refuse(life, effort, event.fault, context);
    case 'time_passed':
      if (context.nowMs < stage.untilMs) return stay(life, 'the answer may still come');
      return after({ type: 'cancel' }, refuse(life, effort, NO_ANSWER, context));
    case 'renewed':
      return go(life, { ...stage, hasNewCredentials: true });
    case 'announced':
    case 'online':
      return stay(life, 'the check under way will say so');
    case 'addressed':
    case 'link_refused':
      return stay(life, STALE);
    default:
      return inAnyGetting(life, stage, event);
  }
}

export function inWaiting(life: Life, stage: In<'waiting'>, event: Event, context: Context): Step {
  const { effort, because } = stage;
  switch (event.type) {
    case 'time_passed':
      if (context.nowMs < stage.checkAtMs) return stay(life, 'not yet');
      if (context.nowMs >= givenUpAtMs(effort)) return stop(life, 'took_too_long', 'now', effort.wantsSound);
      return ask(life, effort, context);
    case 'announced': {
      if (because !== null) return stay(life, 'the service said when to come back');
      if (effort.hurries >= HURRIES_MAX) return stay(life, 'announced before, and not found');
      if (stage.checkAtMs - context.nowMs <= CHECK_GAP_MS) return stay(life, 'the next check is near');
      return ask(life, { ...effort, hurries: effort.hurries + 1 }, context);
    }
    case 'online':
      if (because !== 'offline') return stay(life, 'there was a connection all the time');
      return ask(life, effort, context);
    case 'renewed':
      return stay(life, 'the next check will use them');
    case 'check_playable':
    case 'check_preparing':
    case 'request_failed':
    case 'addressed':
    case 'link_refused':
      return stay(life, STALE);
    default:
      return inAnyGetting(life, stage, event);
  }
}

export function inRenewing(life: Life, stage: In<'renewing'>, event: Event, context: Context): Step {
  const { effort } = stage;
  const refused = (): Step => stop(life, 'link_expired', 'now', effort.wantsSound);
  switch (event.type) {
    case 'link_refused':
      return event.request === life.request ? refused() : stay(life, STALE);
    case 'renewed':
      return ask(life, effort, context);
    case 'time_passed':
      if (context.nowMs < stage.untilMs) return stay(life, 'the host page may still answer');
      return after({ type: 'cancel' }, refused());
    case 'announced':
    case 'online':
      return stay(life, 'without a link there is nothing to ask with');
    case 'check_playable':
    case 'check_preparing':
    case 'request_failed':
    case 'addressed':
      return stay(life, STALE);
    default:
      return inAnyGetting(life, stage, event);
  }
}

export function inAddressing(life: Life, stage: In<'addressing'>, event: Event, context: Context): Step {
  const { effort } = stage;
  switch (event.type) {
    case 'addressed': {
      if (event.request !== life.request) return stay(life, STALE);
      const load = { type: 'load', url: event.url, second: life.second } as const;
      if (!effort.wantsSound) return go(life, { name: 'paused', lost: null }, load);
      return go(life, loading(effort.lost, context), load, { type: 'play' });
    }
    case 'request_failed':
      if (event.request !== life.request) return stay(life, STALE);
      return refuse(life, effort, event.fault, context);
    case 'time_passed':
      if (context.nowMs < stage.untilMs) return stay(life, 'the answer may still come');
      return after({ type: 'cancel' }, refuse(life, effort, NO_ANSWER, context));
    case 'announced':
    case 'online':
    case 'renewed':
      return stay(life, 'bytes are there already');
    case 'check_playable':
    case 'check_preparing':
    case 'link_refused':
      return stay(life, STALE);
    default:
      return inAnyGetting(life, stage, event);
  }
}

export function inStopped(life: Life, stage: In<'stopped'>, event: Event, context: Context): Step {
  switch (event.type) {
    case 'play':
    case 'retry': {
      const { retry } = stage;
      if (retry === 'never') return stay(life, 'it would be the same again');
      if (retry !== 'now' && context.nowMs < retry.notBeforeMs) return stay(life, 'the service said when');
      return after({ type: 'unlock' }, startOver(life, true, context));
    }
    case 'renewed': {
      const isWanting = stage.why === 'signed_out' || stage.why === 'link_expired' || stage.why === 'not_allowed';
      if (!isWanting) return stay(life, 'it did not stop for the want of credentials');
      return startOver(life, stage.wantsSound, context);
    }
    case 'seek':
      return { life: sought(life, event.second), effects: [] };
    case 'pause':
      return go(life, { ...stage, wantsSound: false });
    case 'time_passed':
    case 'announced':
    case 'arriving':
    case 'online':
      return stay(life, 'nothing happens any more unless somebody does something');
    case 'check_playable':
    case 'check_preparing':
    case 'request_failed':
    case 'addressed':
    case 'link_refused':
      return stay(life, STALE);
    case 'media_playing':
    case 'media_waiting':
    case 'media_data':
    case 'media_time':
    case 'media_paused':
    case 'media_ended':
    case 'media_failed':
    case 'play_refused':
      return stay(life, 'the audio element was emptied');
  }
}

type AnyGetting = Extract<
  Event,
  { type: 'play' | 'pause' | 'retry' | 'seek' | 'arriving' | `media_${string}` | 'play_refused' }
>;

/** What means the same in every stage of an effort. */
function inAnyGetting(life: Life, stage: Getting, event: AnyGetting): Step {
  switch (event.type) {
    case 'play':
      return go(life, wishing(stage, true), { type: 'unlock' });
    case 'pause':
      return go(life, wishing(stage, false), { type: 'pause' });
    case 'seek':
      return { life: sought(life, event.second), effects: [] };
    case 'retry':
      return stay(life, 'it is being tried');
    case 'arriving':
      return stay(life, 'only a check says whether it can be played');
    case 'media_playing':
      return inspiteOfUs(life, stage);
    case 'media_waiting':
    case 'media_data':
    case 'media_time':
    case 'media_paused':
    case 'media_ended':
    case 'media_failed':
    case 'play_refused':
      return stay(life, 'the audio element was given up');
  }
}

function wishing(stage: Getting, wantsSound: boolean): Stage {
  return { ...stage, effort: { ...stage.effort, wantsSound } };
}

/** The audio element got its bytes after all, while we were asking. */
function inspiteOfUs(life: Life, stage: Getting): Step {
  const { lost, wantsSound }: Effort = stage.effort;
  if (lost === null) return stay(life, 'the audio element was given up');
  if (!wantsSound) return go(life, stage, { type: 'pause' });
  return go(life, { name: 'playing' }, { type: 'cancel' });
}
