// For tests: a machine with a clock of its own, and a record of what it orders and when.

import { born, deadlineOf, type Life, playbackOf } from './life.ts';
import { type Effect, type Event, step } from './machine.ts';
import type { Fault } from './refusals.ts';
import type { Playback } from './state.ts';

/** What the service says to a check, after so long. */
export type Answer =
  | { readonly kind: 'playable' }
  | { readonly kind: 'preparing'; readonly retryAfterMs: number | null }
  | { readonly kind: 'refused'; readonly fault: Fault }
  | { readonly kind: 'silence' };

export interface Ordered {
  readonly atMs: number;
  readonly effect: Effect;
}

export interface Rig {
  readonly life: Life;
  readonly playback: Playback;
  readonly nowMs: number;
  readonly ordered: readonly Ordered[];
  /** When checks were sent. */
  readonly checksAtMs: readonly number[];
  /** Requests under way that were neither answered nor cancelled. */
  readonly underWay: number;
  tell(event: Event): void;
  pass(ms: number): void;
}

export interface RigOptions {
  readonly second?: number;
  readonly answer?: (check: number) => Answer;
  /** Null: the host page has none. */
  readonly renew?: (() => boolean) | null;
  readonly leastSeconds?: number | null;
  /** What becomes of playing after the n-th load; it plays unless told otherwise. */
  readonly media?: (load: number) => Event | null;
}

export function createRig(options: RigOptions = {}): Rig {
  const { second = 0, answer = () => ({ kind: 'playable' }), renew = null, leastSeconds = null } = options;
  const media = options.media ?? (() => ({ type: 'media_playing' }));
  let life = born(second);
  let nowMs = 0;
  let checks = 0;
  let loads = 0;
  let isUnderWay = false;
  const ordered: Ordered[] = [];
  const coming: Event[] = [];

  function take(event: Event): void {
    const isAnswer = event.type.startsWith('check_') || event.type === 'request_failed';
    if (isAnswer && 'request' in event && event.request === life.request) isUnderWay = false;
    const next = step(life, event, { nowMs, leastSeconds });
    life = next.life;
    for (const effect of next.effects) obey(effect);
  }

  function tell(event: Event): void {
    take(event);
    for (let next = coming.shift(); next !== undefined; next = coming.shift()) take(next);
  }

  function obey(effect: Effect): void {
    ordered.push({ atMs: nowMs, effect });
    switch (effect.type) {
      case 'check':
        if (isUnderWay) throw new Error('a check while a request is under way');
        answered(answer(checks++), effect.request);
        return;
      case 'address':
        if (isUnderWay) throw new Error('an address while a request is under way');
        coming.push({ type: 'addressed', request: effect.request, url: `/audio?${effect.request}` });
        return;
      case 'renew_link':
        if (renew === null) coming.push({ type: 'link_refused', request: effect.request });
        else if (renew()) coming.push({ type: 'renewed' });
        return;
      case 'cancel':
        isUnderWay = false;
        return;
      case 'load':
        loads++;
        return;
      case 'play': {
        const event = media(loads - 1);
        if (event !== null) coming.push(event);
        return;
      }
      case 'unlock':
      case 'unload':
      case 'pause':
      case 'seek':
        return;
    }
  }

  function answered(said: Answer, request: number): void {
    if (said.kind === 'playable') coming.push({ type: 'check_playable', request });
    if (said.kind === 'preparing') coming.push({ type: 'check_preparing', request, retryAfterMs: said.retryAfterMs });
    if (said.kind === 'refused') coming.push({ type: 'request_failed', request, fault: said.fault });
    isUnderWay = said.kind === 'silence';
  }

  return {
    get life() {
      return life;
    },
    get playback() {
      return playbackOf(life);
    },
    get nowMs() {
      return nowMs;
    },
    get checksAtMs() {
      return ordered.filter(({ effect }) => effect.type === 'check').map(({ atMs }) => atMs);
    },
    get underWay() {
      return isUnderWay ? 1 : 0;
    },
    ordered,
    tell,
    pass(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const atMs = deadlineOf(life);
        if (atMs === null || atMs > untilMs) break;
        nowMs = Math.max(nowMs, atMs);
        tell({ type: 'time_passed' });
      }
      nowMs = untilMs;
    },
  };
}

/** The same answers in a row; the last one repeats. */
export function inTurn(...answers: readonly [Answer, ...Answer[]]): (check: number) => Answer {
  return (check) => answers[Math.min(check, answers.length - 1)] ?? answers[0];
}

export const PLAYABLE: Answer = { kind: 'playable' };
export const SILENCE: Answer = { kind: 'silence' };
export const preparing = (retryAfterMs: number | null = null): Answer => ({ kind: 'preparing', retryAfterMs });
export function refused(status: number, code: string, retryAfterMs: number | null = null): Answer {
  return { kind: 'refused', fault: { status, code, retryAfterMs } };
}
