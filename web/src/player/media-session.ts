// The keys of a headset or a keyboard, and what the system shows of what plays. There is one for a whole page: the
// player that began last has it.

import { JUMP_SECONDS } from './keyboard.ts';
import type { PlayerState, Request } from './state.ts';
import type { PlayerWords } from './words.ts';

let owner: MediaKeys | null = null;

export class MediaKeys {
  readonly #send: (request: Request) => void;
  #wasRunning = false;
  #title = '';

  constructor(send: (request: Request) => void) {
    this.#send = send;
  }

  update(state: PlayerState, words: PlayerWords): void {
    const session = sessionOf();
    if (!session) return;
    const { name } = state.playback;
    const isRunning = name === 'playing' || name === 'stalled' || name === 'recovering';
    if (isRunning && !this.#wasRunning) this.#take(session);
    this.#wasRunning = isRunning;
    if (owner !== this) return;
    session.playbackState = isRunning ? 'playing' : name === 'paused' ? 'paused' : 'none';
    this.#tell(session, titleOf(state, words));
    setPosition(session, state);
  }

  release(): void {
    const session = sessionOf();
    if (owner !== this || !session) return;
    owner = null;
    session.metadata = null;
    session.playbackState = 'none';
    for (const action of Object.keys(this.#handlers()) as MediaSessionAction[]) setHandler(session, action, null);
  }

  #take(session: MediaSession): void {
    owner = this;
    this.#title = '';
    for (const [action, handler] of Object.entries(this.#handlers()))
      setHandler(session, action as MediaSessionAction, handler);
  }

  #tell(session: MediaSession, title: string): void {
    if (title === this.#title) return;
    this.#title = title;
    session.metadata = new MediaMetadata({ title });
  }

  #handlers(): Partial<Record<MediaSessionAction, MediaSessionActionHandler>> {
    return {
      play: () => this.#send({ type: 'play' }),
      pause: () => this.#send({ type: 'pause' }),
      seekbackward: ({ seekOffset }) => this.#send({ type: 'seek_by', seconds: -(seekOffset ?? JUMP_SECONDS) }),
      seekforward: ({ seekOffset }) => this.#send({ type: 'seek_by', seconds: seekOffset ?? JUMP_SECONDS }),
      seekto: ({ seekTime }) => {
        if (seekTime !== undefined && seekTime !== null) this.#send({ type: 'seek', second: seekTime });
      },
    };
  }
}

/** By whom the business talked to: that is what one looks for. */
function titleOf({ details }: PlayerState, { say }: PlayerWords): string {
  const party = details?.direction === 'outbound' ? details.to : details?.from;
  return party ? say('session_title', { party }) : say('session_title_unknown');
}

function setPosition(session: MediaSession, { timeline, sound }: PlayerState): void {
  const { second, durationSeconds } = timeline;
  if (durationSeconds === null || durationSeconds <= 0) return;
  const position = Math.min(Math.max(0, second), durationSeconds);
  session.setPositionState?.({ duration: durationSeconds, position, playbackRate: sound.rate });
}

/** Browsers throw at actions that they do not know. */
function setHandler(
  session: MediaSession,
  action: MediaSessionAction,
  handler: MediaSessionActionHandler | null,
): void {
  try {
    session.setActionHandler(action, handler);
  } catch {
    // It is one key less.
  }
}

function sessionOf(): MediaSession | null {
  return 'mediaSession' in navigator && typeof MediaMetadata === 'function' ? navigator.mediaSession : null;
}
