// What a page may do with `<hearback-player>`: kept by hand, and held against the element by src/player/element.ts.

export type PlaybackName =
  | 'idle'
  | 'preparing'
  | 'starting'
  | 'playing'
  | 'paused'
  | 'stalled'
  | 'recovering'
  | 'stopped';

/** Why it does not play: each has a sentence in the player. */
export type Why =
  | 'signed_out'
  | 'link_expired'
  | 'not_allowed'
  | 'no_such_call'
  | 'no_recording'
  | 'recording_absent'
  | 'recording_failed'
  | 'recording_deleted'
  | 'recording_missing'
  | 'recording_expired'
  | 'recording_erased'
  | 'too_often'
  | 'attempts_exhausted'
  | 'unavailable'
  | 'source_refused_credentials'
  | 'broken'
  | 'offline'
  | 'took_too_long'
  | 'unplayable';

export interface HearbackEventMap {
  'hearback-state': CustomEvent<{ readonly state: PlaybackName; readonly why: Why | null }>;
  /** At most four times a second. */
  'hearback-time': CustomEvent<{ readonly second: number }>;
  /** Answer with another link to the same recording: playback goes on at the same second. */
  'hearback-link-expired': CustomEvent<{ renewWith(link: string | Promise<string>): void }>;
  'hearback-signed-out': CustomEvent<null>;
  /** Before `url` is copied; `preventDefault()` leaves the copying to the page. */
  'hearback-copy': CustomEvent<{ readonly second: number; readonly url: string }>;
}

export interface PlayerAttributes {
  /** The call: `CA…`. Needless with `link`. */
  'call-sid'?: string | null;
  /** One of the call's recordings: `RE…`; unless given, the one that is the primary as the player begins. */
  'recording-sid'?: string | null;
  /** Where the service is; where the module came from unless given. */
  base?: string | null;
  /** A signed link: where the service is, which call, and the right to hear it. */
  link?: string | null;
  /** Sent as `Authorization: Bearer`; a cookie is used unless given. */
  token?: string | null;
  /** The second to begin at. */
  start?: string | number | null;
  /** `transcript summary`, one of them, or `none`; both unless given. */
  panels?: string | null;
  /** What "copy link at this second" copies, `{t}` standing for the second; the page's own address unless given. */
  'share-url'?: string | null;
}

export class HearbackPlayer extends HTMLElement {
  callSid: string | null;
  recordingSid: string | null;
  base: string | null;
  link: string | null;
  token: string | null;
  start: number | null;
  panels: string | null;
  shareUrl: string | null;
  /** Also the attribute `state`, for stylesheets. */
  readonly state: PlaybackName;
  /** In seconds; setting it seeks. */
  currentTime: number;
  /** In seconds; NaN while it is not known. */
  readonly duration: number;
  readonly paused: boolean;
  play(): void;
  pause(): void;
  addEventListener<K extends keyof HearbackEventMap>(
    type: K,
    listener: (this: HearbackPlayer, event: HearbackEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (this: HearbackPlayer, event: HTMLElementEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'hearback-player': HearbackPlayer;
  }
}
