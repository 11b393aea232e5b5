// The machine's moves that several stages share: asking, waiting, being refused, falling, stopping.

import { type Effort, givenUpAtMs, type Life, type Stage } from './life.ts';
import type { Context, Effect, Step } from './machine.ts';
import {
  ANSWER_MS,
  CHECK_GAP_MS,
  FALLS_MAX,
  failurePauseMs,
  fallPauseMs,
  LOADING_QUIET_MS,
  PATIENCE_MS,
  PLACE_SECONDS,
  RENEWAL_MS,
  RENEWALS_MAX,
  RETRY_AFTER_MS,
} from './patience.ts';
import { type Fault, refusalOf } from './refusals.ts';
import type { Retry, Why } from './state.ts';

/** What is no answer at all. */
export const NO_ANSWER: Fault = { status: 0, code: 'offline', retryAfterMs: null };

export function stay(life: Life, because: string): Step {
  return { life, effects: [], because };
}

export function go(life: Life, stage: Stage, ...effects: readonly Effect[]): Step {
  return { life: { ...life, stage }, effects };
}

/** Orders before those of a step. */
export function after(first: Effect, { life, effects }: Step): Step {
  return { life, effects: [first, ...effects] };
}

/** A new effort, as somebody asked for it. */
export function begin(life: Life, lost: Why | null, wantsSound: boolean, context: Context): Step {
  return ask(life, effortOf(lost, wantsSound, context), context);
}

function effortOf(lost: Why | null, wantsSound: boolean, { nowMs }: Context): Effort {
  return { sinceMs: nowMs, lost, wantsSound, waits: 0, failures: 0, hurries: 0 };
}

/** Sends a check, or waits until one may be sent. */
export function ask(life: Life, effort: Effort, { nowMs }: Context): Step {
  const mayAtMs = (life.checkedAtMs ?? Number.NEGATIVE_INFINITY) + CHECK_GAP_MS;
  if (nowMs < mayAtMs) return go(life, { name: 'waiting', effort, checkAtMs: mayAtMs, because: null });
  const request = life.request + 1;
  const untilMs = nowMs + ANSWER_MS;
  return go(
    { ...life, request, checkedAtMs: nowMs },
    { name: 'asking', effort, untilMs, hasNewCredentials: false },
    { type: 'check', request },
  );
}

/** Comes back after a pause, at the latest when patience ends. */
export function wait(life: Life, effort: Effort, pauseMs: number, because: Why | null, { nowMs }: Context): Step {
  const checkAtMs = Math.min(nowMs + pauseMs, givenUpAtMs(effort));
  return go(life, { name: 'waiting', effort, checkAtMs, because });
}

export function refuse(life: Life, effort: Effort, fault: Fault, context: Context): Step {
  const { why, cure } = refusalOf(fault);
  const untilTold = { notBeforeMs: context.nowMs + (fault.retryAfterMs ?? RETRY_AFTER_MS) };
  switch (cure.do) {
    case 'stop':
      return stop(life, why, 'never', effort.wantsSound);
    case 'stop_for_now':
      return stop(life, why, 'now', effort.wantsSound);
    case 'stop_until_told':
      return stop(life, why, untilTold, effort.wantsSound);
    case 'renew_link':
      return renewLink(life, effort, context);
    case 'ask_again': {
      const failures = effort.failures + 1;
      const pauseMs = fault.retryAfterMs ?? failurePauseMs(effort.failures);
      if (failures > cure.timesMax || context.nowMs + pauseMs > givenUpAtMs(effort)) {
        const isTold = why === 'too_often' || fault.retryAfterMs !== null;
        return stop(life, why, isTold ? untilTold : 'now', effort.wantsSound);
      }
      const lost = effort.lost === null ? null : why;
      return wait(life, { ...effort, failures, lost }, pauseMs, why, context);
    }
  }
}

function renewLink(life: Life, effort: Effort, { nowMs }: Context): Step {
  if (life.renewals >= RENEWALS_MAX) return stop(life, 'link_expired', 'now', effort.wantsSound);
  const request = life.request + 1;
  const lost = effort.lost === null ? null : 'link_expired';
  return go(
    { ...life, request, renewals: life.renewals + 1 },
    { name: 'renewing', effort: { ...effort, lost }, untilMs: nowMs + RENEWAL_MS },
    { type: 'renew_link', request },
  );
}

/**
 * The audio element is of no more use: all over again at the same second, but not for ever at the same place.
 *
 * `lost` is null where nothing was heard yet.
 */
export function fall(life: Life, cause: 'error' | 'silence', lost: Why | null, context: Context): Step {
  const isHere = life.falls.count > 0 && Math.abs(life.second - life.falls.second) < PLACE_SECONDS;
  const count = isHere ? life.falls.count + 1 : 1;
  const fallen = { ...life, falls: { second: isHere ? life.falls.second : life.second, count } };
  if (count >= FALLS_MAX) return stop(fallen, cause === 'error' ? 'unplayable' : 'took_too_long', 'now', true);
  const effort = effortOf(lost, true, context);
  const pauseMs = fallPauseMs(count - 1);
  return pauseMs === 0 ? ask(fallen, effort, context) : wait(fallen, effort, pauseMs, lost, context);
}

/** The audio element gives back what it holds, so that it asks for nothing either. */
export function stop(life: Life, why: Why, retry: Retry, wantsSound: boolean): Step {
  return go(life, { name: 'stopped', why, retry, wantsSound }, { type: 'unload' });
}

/** Once more from where nothing is left, with all bounds as new. */
export function startOver(life: Life, wantsSound: boolean, context: Context): Step {
  const fresh = { ...life, falls: { second: life.second, count: 0 }, renewals: 0 };
  return begin(fresh, null, wantsSound, context);
}

/** Until the audio element sounds. */
export function loading(lost: Why | null, { nowMs }: Context): Stage {
  return { name: 'loading', lost, sinceMs: nowMs, untilMs: nowMs + LOADING_QUIET_MS };
}

/** While bytes arrive there is something to wait for, within patience. */
export function longer<S extends { readonly sinceMs: number; readonly untilMs: number }>(
  stage: S,
  quietMs: number,
  { nowMs }: Context,
): S {
  return { ...stage, untilMs: Math.min(nowMs + quietMs, stage.sinceMs + PATIENCE_MS) };
}

export function sought(life: Life, second: number): Life {
  return { ...life, second, hasEnded: false };
}
