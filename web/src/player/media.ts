// The audio element as a port: what it is told to do, what it tells, and its one implementation.
//
// Invariant: one element for the life of a player, never in the document; it asks the service for nothing before
// `load`, and after `unload` and `dispose`.

import { createSolo } from './solo.ts';
import type { Span } from './state.ts';

export type MediaEvent =
  | { readonly type: 'time'; readonly second: number }
  | { readonly type: 'duration'; readonly seconds: number | null }
  | { readonly type: 'buffered'; readonly spans: readonly Span[] }
  /** Bytes arrived. */
  | { readonly type: 'data' }
  | { readonly type: 'playing' }
  | { readonly type: 'waiting' }
  | { readonly type: 'paused' }
  | { readonly type: 'ended' }
  /** `MediaError.code`. */
  | { readonly type: 'failed'; readonly code: number }
  /** The browser lets nothing sound that nobody pressed for. */
  | { readonly type: 'refused' };

/** `crossorigin` of the element: null where the page and the service are one origin. */
export type CrossOrigin = 'anonymous' | 'use-credentials' | null;

export interface Media {
  /** Within a gesture: WebKit then lets the element sound later too. */
  unlock(): void;
  load(url: string, second: number, crossOrigin: CrossOrigin): void;
  unload(): void;
  play(): void;
  pause(): void;
  seek(second: number): void;
  setRate(rate: number): void;
  setVolume(volume: number, isMuted: boolean): void;
  /** Both ears hear that channel alone, or all again; false where the browser cannot. */
  solo(channel: number | null): boolean;
  dispose(): void;
}

export type CreateMedia = (heard: (event: MediaEvent) => void) => Media;

/** How often the time is told while it plays: `timeupdate` alone, four times a second, lets a playhead jump. */
const TIME_MS = 100;
/** Nearer, a position need not be corrected. */
const EXACT_SECONDS = 0.05;
/** Playing, and yet at the same place for so long: it has stopped and does not say so. */
const FROZEN_MS = 3_000;
/** Waiting, and yet so much further on: it sounds again and does not say so. */
const SOUNDED_SECONDS = 0.3;
const ABORTED = 1;

export const createAudio: CreateMedia = (heard) => {
  const audio = new Audio();
  audio.preload = 'none';
  audio.preservesPitch = true;
  const listening = new AbortController();
  const solo = createSolo(audio);
  let ticking: ReturnType<typeof setInterval> | undefined;
  /** Where to begin, until the element knows the audio and can go there. */
  let wanted: number | null = null;
  let rate = 1;
  let isMuted = false;
  /** The duration that was told last. */
  let toldSeconds: number | null = null;
  /** Where it was last seen to move: WebKitGTK may stop in mid-play, or after a seek, and say nothing. */
  let moved = { second: -1, sinceMs: 0 };
  /** Where it waits, as it says; null: it does not. WebKitGTK may go on after a seek and say nothing, either. */
  let waitsAt: number | null = null;

  const on = (name: string, listener: () => void): void => {
    audio.addEventListener(name, listener, { signal: listening.signal });
  };
  const tellState = (type: 'playing' | 'waiting'): void => {
    waitsAt = type === 'waiting' ? audio.currentTime : null;
    heard({ type });
  };
  const tellWhetherItSounded = (): void => {
    if (waitsAt !== null && audio.currentTime - waitsAt > SOUNDED_SECONDS) tellState('playing');
  };
  const watch = (): void => {
    const here = { second: audio.currentTime, sinceMs: performance.now() };
    if (waitsAt !== null && audio.seeking) waitsAt = here.second;
    tellWhetherItSounded();
    const isFine = audio.paused || audio.ended || audio.seeking || here.second !== moved.second;
    if (isFine) moved = here;
    else if (here.sinceMs - moved.sinceMs > FROZEN_MS) {
      moved = here;
      tellState('waiting');
    }
  };
  /** Nobody hears the beginning again while the element is on its way to where it is to begin. */
  const want = (second: number | null): void => {
    wanted = second;
    audio.muted = isMuted || (second !== null && second > 0);
  };
  const tellDuration = (): void => {
    const seconds = Number.isFinite(audio.duration) && audio.duration > 0 ? audio.duration : null;
    if (seconds === toldSeconds) return;
    toldSeconds = seconds;
    heard({ type: 'duration', seconds });
  };
  // WebKitGTK may say that the duration has changed, and play, before it knows it, and say nothing once it does.
  // Firefox is back at 0 as soon as the audio has failed, before it says so.
  const tellTime = (): void => {
    tellDuration();
    const isThere = wanted === null && audio.readyState > 0 && audio.error === null;
    if (isThere) heard({ type: 'time', second: audio.currentTime });
  };
  const tellBuffered = (): void => heard({ type: 'buffered', spans: spansOf(audio.buffered) });
  const stopTicking = (): void => {
    clearInterval(ticking);
    ticking = undefined;
    waitsAt = null;
  };

  // Not sooner: WebKitGTK, told to seek again while it still goes to where it was to begin, stands still for ever.
  on('canplay', () => {
    if (wanted !== null && Math.abs(audio.currentTime - wanted) > EXACT_SECONDS) audio.currentTime = wanted;
    want(null);
  });
  for (const name of ['durationchange', 'canplay', 'playing']) on(name, tellDuration);
  on('progress', () => {
    tellBuffered();
    heard({ type: 'data' });
  });
  on('timeupdate', tellTime);
  // What was queued before somebody paused or played again is no news.
  on('playing', () => {
    if (audio.paused) return;
    ticking ??= setInterval(() => {
      tellTime();
      watch();
    }, TIME_MS);
    tellState('playing');
  });
  on('waiting', () => {
    if (!audio.paused) tellState('waiting');
  });
  on('pause', () => {
    // It says so at its end, too, and then that it has ended.
    if (audio.ended) return;
    stopTicking();
    if (audio.paused && audio.error === null) heard({ type: 'paused' });
  });
  on('ended', () => {
    tellWhetherItSounded();
    stopTicking();
    tellTime();
    heard({ type: 'ended' });
  });
  on('error', () => {
    stopTicking();
    // Firefox plays on through what it has; what is heard again later must not be heard twice.
    audio.pause();
    const code = audio.error?.code ?? ABORTED;
    if (code !== ABORTED) heard({ type: 'failed', code });
  });

  return {
    unlock() {
      if (!audio.hasAttribute('src')) audio.load();
      solo.resume();
    },
    load(url, second, crossOrigin) {
      stopTicking();
      want(second);
      audio.crossOrigin = crossOrigin;
      audio.preload = 'auto';
      audio.src = url;
      // Before the audio is known this is where playing will begin: the first request already asks for there.
      audio.currentTime = second;
      audio.defaultPlaybackRate = rate;
      audio.playbackRate = rate;
    },
    unload() {
      stopTicking();
      want(null);
      if (!audio.hasAttribute('src')) return;
      audio.pause();
      audio.removeAttribute('src');
      audio.load();
    },
    play() {
      solo.resume();
      audio.play().catch((error: unknown) => {
        if (error instanceof DOMException && error.name === 'NotAllowedError') heard({ type: 'refused' });
        // Anything else comes as an event of the element, or was a pause of ours.
      });
    },
    pause: () => audio.pause(),
    seek(second) {
      if (wanted !== null) {
        want(second);
        // It goes there as soon as it can play.
        if (audio.readyState > 0) return;
      }
      audio.currentTime = second;
      if (waitsAt !== null) waitsAt = second;
    },
    setRate(value) {
      rate = value;
      audio.defaultPlaybackRate = value;
      audio.playbackRate = value;
    },
    setVolume(volume, muted) {
      audio.volume = volume;
      isMuted = muted;
      want(wanted);
    },
    solo: (channel) => solo.hear(channel),
    dispose() {
      listening.abort();
      stopTicking();
      audio.pause();
      audio.removeAttribute('src');
      audio.load();
      solo.dispose();
    },
  };
};

function spansOf(ranges: TimeRanges): readonly Span[] {
  return Array.from({ length: ranges.length }, (_, index) => ({ start: ranges.start(index), end: ranges.end(index) }));
}
