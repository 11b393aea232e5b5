// What a player needs of the world around it, so that a test can be that world.

import { type CreateMedia, createAudio } from './media.ts';

export interface World {
  readonly now: () => number;
  /** Returns what ends it. */
  readonly after: (ms: number, then: () => void) => () => void;
  readonly createMedia: CreateMedia;
  /** Null where the browser forbids it. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem'> | null;
  /** Tells that there is a connection again; returns what ends it. */
  readonly onOnline: (listener: () => void) => () => void;
}

export function browserWorld(): World {
  return {
    now: () => Date.now(),
    after(ms, then) {
      // A longer one would end at once.
      const timer = setTimeout(then, Math.min(ms, 2 ** 31 - 1));
      return () => clearTimeout(timer);
    },
    createMedia: createAudio,
    storage: storage(),
    onOnline(listener) {
      window.addEventListener('online', listener);
      return () => window.removeEventListener('online', listener);
    },
  };
}

function storage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
