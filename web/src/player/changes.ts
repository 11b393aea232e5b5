// What somebody changes while listening: one line of the transcript, or what becomes of the proposed appointment.
// One after the other, in the order in which they were asked for.

import { Problem } from '../service/problem.ts';
import type { Change } from './state.ts';

export interface Changes {
  readonly change: Change | null;
  make(kind: Change['kind'], apply: (signal: AbortSignal) => Promise<void>): void;
  dispose(): void;
}

/** Waiting at a time: nobody clicks faster than that on purpose. */
const WAITING_MAX = 20;
const PRECONDITION_FAILED = 412;

/** `conflicted` is told that somebody else was quicker. */
export function createChanges(changed: () => void, conflicted: (kind: Change['kind']) => void): Changes {
  const leaving = new AbortController();
  let change: Change | null = null;
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;

  function set(next: Change | null): void {
    if (leaving.signal.aborted) return;
    change = next;
    changed();
  }

  async function run(kind: Change['kind'], apply: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (leaving.signal.aborted) return;
    set({ kind, outcome: 'under_way' });
    try {
      await apply(leaving.signal);
      set(null);
    } catch (error) {
      const isConflict = error instanceof Problem && error.status === PRECONDITION_FAILED;
      set({ kind, outcome: isConflict ? 'conflict' : 'failed' });
      if (isConflict && !leaving.signal.aborted) conflicted(kind);
    }
  }

  return {
    get change() {
      return change;
    },
    make(kind, apply) {
      if (waiting >= WAITING_MAX) return set({ kind, outcome: 'failed' });
      waiting++;
      last = last.then(() => run(kind, apply)).finally(() => waiting--);
    },
    dispose: () => leaving.abort(),
  };
}
