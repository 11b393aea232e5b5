// The shell of the machine: performs its effects, and tells it what the service, the audio element and time have to say.
//
// Invariant: at most one request and one timer, both ended by `dispose`.

import { Problem } from '../service/problem.ts';
import type { Service } from '../service/service.ts';
import type { Preparing } from '../service/shapes.ts';
import { born, deadlineOf, type Life } from './life.ts';
import { type Effect, type Event, step } from './machine.ts';
import type { CrossOrigin, Media, MediaEvent } from './media.ts';
import type { Sound, Span } from './state.ts';
import type { World } from './world.ts';

export interface PlaybackOptions {
  readonly service: () => Service;
  readonly call: string;
  /** Null until something has named it. */
  readonly recording: () => string | null;
  /** The same; asks for its name where nothing has named it. */
  readonly namedRecording: (signal: AbortSignal) => Promise<string | null>;
  readonly startSecond: number;
  /** Succeeds by telling `renewed`. */
  readonly renewLink: () => Promise<boolean>;
  readonly sound: () => Sound;
  readonly leastSeconds: () => number | null;
  /** The service has said how far it is. */
  readonly preparing: (preparing: Preparing) => void;
  readonly changed: () => void;
  /** It plays, at this second. */
  readonly reached: (second: number) => void;
  readonly world: World;
}

export interface PlaybackShell {
  readonly life: Life;
  /** Of the audio element; null until it knows. */
  readonly durationSeconds: number | null;
  readonly buffered: readonly Span[];
  tell(event: Event): void;
  /** The audio element, made at its first use. */
  media(): Media;
  /** The same, where there is one already. */
  readonly mediaMade: Media | null;
  dispose(): void;
}

const NONE: readonly Span[] = [];

export function createPlayback(options: PlaybackOptions): PlaybackShell {
  const { service, call, world } = options;
  let life = born(options.startSecond);
  let made: Media | null = null;
  let durationSeconds: number | null = null;
  let buffered = NONE;
  let request: AbortController | null = null;
  let timer: { readonly atMs: number; readonly cancel: () => void } | null = null;
  const events: Event[] = [];
  let isStepping = false;
  let isDisposed = false;

  function tell(event: Event): void {
    if (isDisposed) return;
    events.push(event);
    if (isStepping) return;
    isStepping = true;
    for (let next = events.shift(); next !== undefined; next = events.shift()) take(next);
    isStepping = false;
    setTimer();
    options.changed();
  }

  function take(event: Event): void {
    const next = step(life, event, { nowMs: world.now(), leastSeconds: options.leastSeconds() });
    life = next.life;
    next.effects.forEach(perform);
  }

  function perform(effect: Effect): void {
    switch (effect.type) {
      case 'check':
        check(effect.request);
        break;
      case 'address':
        address(effect.request);
        break;
      case 'renew_link':
        renewLink(effect.request);
        break;
      case 'cancel':
        cancel();
        break;
      case 'unlock':
        media().unlock();
        break;
      case 'load':
        media().load(effect.url, effect.second, crossOriginOf(service()));
        break;
      case 'unload':
        buffered = NONE;
        made?.unload();
        break;
      case 'play':
        media().play();
        break;
      case 'pause':
        made?.pause();
        break;
      case 'seek':
        made?.seek(effect.second);
        break;
    }
  }

  function check(id: number): void {
    under(
      (signal) => service().check(call, options.recording(), signal),
      id,
      (answer) => {
        if (answer.kind === 'playable') return tell({ type: 'check_playable', request: id });
        options.preparing(answer.preparing);
        tell({ type: 'check_preparing', request: id, retryAfterMs: answer.retryAfterMs });
      },
    );
  }

  function address(id: number): void {
    under(
      async (signal) => service().audioUrl(call, await options.namedRecording(signal), signal),
      id,
      (url) => tell({ type: 'addressed', request: id, url }),
    );
  }

  function renewLink(id: number): void {
    void options.renewLink().then((isRenewed) => {
      if (!isRenewed) tell({ type: 'link_refused', request: id });
    });
  }

  /** Runs the one request that there may be. */
  function under<T>(ask: (signal: AbortSignal) => Promise<T>, id: number, then: (answer: T) => void): void {
    const mine = new AbortController();
    request = mine;
    const ended = (next: () => void): void => {
      if (request !== mine) return;
      request = null;
      next();
    };
    ask(mine.signal).then(
      (answer) => ended(() => then(answer)),
      (error: unknown) => ended(() => tell({ type: 'request_failed', request: id, fault: faultOf(error) })),
    );
  }

  function cancel(): void {
    request?.abort();
    request = null;
  }

  function setTimer(): void {
    const atMs = isDisposed ? null : deadlineOf(life);
    if (atMs === (timer?.atMs ?? null)) return;
    timer?.cancel();
    timer = null;
    if (atMs === null) return;
    const cancel = world.after(Math.max(0, atMs - world.now()), () => {
      timer = null;
      tell({ type: 'time_passed' });
    });
    timer = { atMs, cancel };
  }

  function media(): Media {
    if (made !== null) return made;
    const { rate, volume, isMuted } = options.sound();
    made = world.createMedia(heard);
    made.setRate(rate);
    made.setVolume(volume, isMuted);
    return made;
  }

  function heard(event: MediaEvent): void {
    if (isDisposed) return;
    switch (event.type) {
      case 'duration':
        durationSeconds = event.seconds;
        options.changed();
        break;
      case 'buffered':
        buffered = event.spans;
        options.changed();
        break;
      case 'time':
        tell({ type: 'media_time', second: event.second });
        if (life.stage.name === 'playing') options.reached(event.second);
        return;
      case 'failed':
        tell({ type: 'media_failed', code: event.code });
        break;
      case 'refused':
        tell({ type: 'play_refused' });
        break;
      case 'data':
      case 'playing':
      case 'waiting':
      case 'paused':
      case 'ended':
        tell({ type: `media_${event.type}` });
        break;
    }
  }

  return {
    get life() {
      return life;
    },
    get durationSeconds() {
      return durationSeconds;
    },
    get buffered() {
      return buffered;
    },
    get mediaMade() {
      return made;
    },
    media,
    tell,
    dispose() {
      isDisposed = true;
      cancel();
      setTimer();
      made?.dispose();
      made = null;
    },
  };
}

const GARBLED = { status: 200, code: 'unknown', retryAfterMs: null };

function faultOf(error: unknown) {
  return error instanceof Problem ? error : GARBLED;
}

/** Credentials in the address need no cookie; a cookie goes along by itself to the page's own origin only. */
function crossOriginOf({ credentials, base }: Service): CrossOrigin {
  if (credentials.kind !== 'cookie') return 'anonymous';
  return base.origin === globalThis.location?.origin ? null : 'use-credentials';
}
