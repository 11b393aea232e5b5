// What the player knows, which views show; and what views ask of it. State goes in, requests come out: no view touches
// the audio or the service.

import type { Credentials, Service } from '../service/service.ts';
import type { AppointmentChange, CallDetails, Phase, Stage, Transcript } from '../service/shapes.ts';
import type { Peaks } from './peaks.ts';

export interface PlayerState {
  /** The one that is played and shown: it stays that one. Null until it is known which one is the call's primary. */
  readonly recording: string | null;
  readonly playback: Playback;
  /** Whether sound is wanted, also while it is prepared or lost: what the button that starts and stops it shows. */
  readonly wantsSound: boolean;
  /** How far the recording is on its way to us; null before it was asked for, and once it is here. */
  readonly progress: Progress | null;
  readonly timeline: Timeline;
  readonly sound: Sound;
  readonly waveform: Finding<Peaks>;
  readonly transcript: Finding<Transcript>;
  /** Null until known, and for ever with a signed link, which does not cover them. */
  readonly details: CallDetails | null;
  readonly stages: readonly Stage[];
  /** Null while no correction or decision is under way or has failed. */
  readonly change: Change | null;
  /** What whoever looks at it may do beside listening: nothing with a signed link. */
  readonly may: { readonly download: boolean; readonly correct: boolean; readonly decide: boolean };
}

/** Where playing stands. The names are the values of the element's attribute `state`. */
export type Playback =
  /** Nobody has pressed play. */
  | { readonly name: 'idle' }
  /** The service is asked for first bytes, or has said when to come back. */
  | { readonly name: 'preparing'; readonly sinceMs: number; readonly checkAtMs: number | null }
  /** Bytes are there: the audio element has the URL, and no sound yet. */
  | { readonly name: 'starting' }
  | { readonly name: 'playing' }
  | { readonly name: 'paused' }
  /** In mid-play, the sound has run out of bytes: they are awaited. */
  | { readonly name: 'stalled' }
  /** In mid-play, the connection, the link or the server was lost: asked again, goes on at the same second. */
  | { readonly name: 'recovering'; readonly why: Why; readonly checkAtMs: number | null }
  /** Nothing happens any more unless somebody does something. */
  | { readonly name: 'stopped'; readonly why: Why; readonly retry: Retry };

/** Whether asking again makes sense: never, at once, or not before a moment. */
export type Retry = 'never' | 'now' | { readonly notBeforeMs: number };

/** Each is a sentence and what to do about it: see `words/en.ts`, `why_…`. */
export type Why =
  /** 401, and no link. */
  | 'signed_out'
  /** A link that is good no longer, which the page did not renew. */
  | 'link_expired'
  /** 403. */
  | 'not_allowed'
  /** 404: also another business's call. */
  | 'no_such_call'
  | 'no_recording'
  /** Twilio has no audio, and never will: too short or silent; could not record; deleted there; never published. */
  | 'recording_absent'
  | 'recording_failed'
  | 'recording_deleted'
  | 'recording_missing'
  /** 410. */
  | 'recording_expired'
  | 'recording_erased'
  /** 429. */
  | 'too_often'
  /** 503 `attempts_exhausted`: it could not be fetched; the window opens again later. */
  | 'attempts_exhausted'
  /** Any other 503: the service is busy, or not complete. */
  | 'unavailable'
  /** 500 `source_refused_credentials`: an operator must act. */
  | 'source_refused_credentials'
  /** Any other answer that makes no sense. */
  | 'broken'
  /** No answer at all. */
  | 'offline'
  /** Not here after three minutes. */
  | 'took_too_long'
  /** The browser cannot play what it was sent, although it is all there. */
  | 'unplayable';

export interface Progress {
  /** Null while nothing is under way: it waits for its turn, its next attempt, or for Twilio. */
  readonly phase: Phase | null;
  readonly attempt: number;
  readonly receivedBytes: number;
  readonly totalBytes: number | null;
  /** How much of it can be heard already, where both lengths are known. */
  readonly receivedSeconds: number | null;
  /** Why it is not here, in the service's words. */
  readonly reason: string | null;
  readonly retryAtMs: number | null;
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Timeline {
  readonly second: number;
  /** Of the audio element, else measured by the service, else as announced by Twilio. */
  readonly durationSeconds: number | null;
  /** What the browser has. */
  readonly buffered: readonly Span[];
  readonly hasEnded: boolean;
}

export const RATES = [1, 1.25, 1.5, 2] as const;
export type Rate = (typeof RATES)[number];

export interface Sound {
  readonly rate: Rate;
  /** From 0 to 1. */
  readonly volume: number;
  readonly isMuted: boolean;
  readonly skipsSilence: boolean;
  /** The one channel that is heard, or null: all. */
  readonly soloChannel: number | null;
}

/** What the pipeline makes of a recording. */
export type Finding<T> =
  | { readonly kind: 'unknown' }
  /** Being made, or asked for. */
  | { readonly kind: 'coming'; readonly progress: number | null }
  | { readonly kind: 'found'; readonly value: T }
  /** There is none, and there will be none as things are. `no_speech`: nobody says a word; `none`: of no recording. */
  | { readonly kind: 'none'; readonly why: 'off' | 'no_speech' | 'failed' | 'gone' | 'none' | 'unreachable' };

export interface Change {
  readonly kind: 'correction' | 'decision';
  readonly outcome: 'under_way' | 'failed' | 'conflict';
}

/** What a view, a key, a media key or the host page asks for. */
export type Request =
  | { readonly type: 'play' }
  | { readonly type: 'pause' }
  | { readonly type: 'toggle' }
  /** After `stopped`: all over again. */
  | { readonly type: 'retry' }
  | { readonly type: 'seek'; readonly second: number }
  | { readonly type: 'seek_by'; readonly seconds: number }
  | { readonly type: 'rate'; readonly rate: Rate }
  | { readonly type: 'volume'; readonly volume: number }
  | { readonly type: 'mute'; readonly isMuted: boolean }
  | { readonly type: 'solo'; readonly channel: number | null }
  | { readonly type: 'skip_silence'; readonly skips: boolean }
  | { readonly type: 'correct'; readonly utterance: number; readonly text: string }
  | { readonly type: 'decide'; readonly appointment: number; readonly change: AppointmentChange };

/** What views hold: `state` is replaced, never changed, and whoever subscribed is told once for each change. */
export interface PlayerStore {
  readonly state: PlayerState;
  send(request: Request): void;
  /** Returns what ends it. */
  subscribe(listener: () => void): () => void;
  /** Other credentials, such as a new link: what stopped for the want of them goes on at the same second. */
  renew(credentials: Credentials): void;
  /** Ends requests, timers, sound and subscriptions; nothing is left behind. */
  dispose(): void;
}

/** What `createPlayerStore` of `store.ts` is given. Nothing is asked for but details, findings and stages: no audio. */
export interface StoreOptions {
  readonly service: Service;
  readonly call: string;
  /** Null: the call's primary. */
  readonly recording: string | null;
  readonly startSecond: number;
  /** A link has expired in use: the host page is asked for another one; null if it has none. */
  readonly renewLink: () => Promise<Credentials | null>;
}
