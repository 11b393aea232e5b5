// Follows `/events` while somebody wants it: one stream at a time, again after a pause where it breaks off, not for ever.

import type { ServerEvent, StreamEnd } from '../service/event-stream.ts';
import { Problem } from '../service/problem.ts';
import { streamPauseMs } from './patience.ts';
import type { World } from './world.ts';

export interface Following {
  /** `idly`: nobody listens, so that others go first. */
  want(how: 'no' | 'idly' | 'yes'): void;
  /** What it heard is out of date, or what was refused may be open now: from the beginning. */
  restart(): void;
  dispose(): void;
}

export type Follow = (
  signal: AbortSignal,
  heard: (event: ServerEvent) => void,
  lastEventId: string,
) => Promise<StreamEnd>;

/** Breaks in a row after which it is given up. */
const BREAKS_MAX = 8;
/** A stream that held so long was no break in a row. */
const HELD_MS = 20_000;
/** Browsers open six connections to an origin, for all players of a page: some are left for those that play. */
const IDLE_STREAMS_MAX = 2;
let idleStreams = 0;
/** Of those who found no place, what makes each try again: the first of them as soon as there is one. */
const waiting = new Set<() => void>();

function takePlace(): boolean {
  if (idleStreams >= IDLE_STREAMS_MAX) return false;
  idleStreams++;
  return true;
}

function givePlace(): void {
  idleStreams--;
  const [first] = waiting;
  if (first === undefined) return;
  waiting.delete(first);
  first();
}

export function createFollowing(follow: Follow, heard: (event: ServerEvent) => void, world: World): Following {
  let wanted: 'no' | 'idly' | 'yes' = 'no';
  let open: { readonly abort: () => void; isIdle: boolean } | null = null;
  let cancelPause: (() => void) | null = null;
  let lastEventId = '';
  let breaks = 0;
  /** There is nothing more to hear, or nobody lets us. */
  let isOver = false;

  function begin(): void {
    if (open !== null || cancelPause !== null || isOver || wanted === 'no') return;
    const isIdle = wanted === 'idly';
    if (isIdle && !takePlace()) {
      waiting.add(begin);
      return;
    }
    const controller = new AbortController();
    const mine = { abort: () => controller.abort(), isIdle };
    open = mine;
    const beganMs = world.now();
    follow(controller.signal, (event) => open === mine && tell(event), lastEventId)
      .then(
        (end) => (): void => (end === 'complete' ? over() : pause(beganMs, null)),
        (error: unknown) => (): void => broke(error, beganMs),
      )
      .then((next) => {
        if (open !== mine) return;
        leave();
        next();
      });
  }

  function tell(event: ServerEvent): void {
    if (event.id !== '') lastEventId = event.id;
    heard(event);
  }

  function broke(error: unknown, beganMs: number): void {
    const problem = error instanceof Problem ? error : null;
    const isPassing = problem !== null && (problem.status === 0 || problem.status === 429 || problem.status >= 500);
    if (isPassing) pause(beganMs, problem.retryAfterMs);
    else over();
  }

  function pause(beganMs: number, retryAfterMs: number | null): void {
    breaks = world.now() - beganMs >= HELD_MS ? 1 : breaks + 1;
    if (breaks > BREAKS_MAX) {
      over();
      return;
    }
    cancelPause = world.after(retryAfterMs ?? streamPauseMs(breaks - 1), () => {
      cancelPause = null;
      begin();
    });
  }

  function over(): void {
    isOver = true;
  }

  function leave(): void {
    const left = open;
    open = null;
    if (left?.isIdle) givePlace();
  }

  /** The open stream is from now on one by which somebody listens, or one by which nobody does, if there is a place. */
  function turn(): void {
    if (open === null || open.isIdle === (wanted === 'idly')) return;
    if (wanted === 'idly' && !takePlace()) {
      end();
      return;
    }
    open.isIdle = wanted === 'idly';
    if (!open.isIdle) givePlace();
  }

  function end(): void {
    const ending = open;
    leave();
    ending?.abort();
    cancelPause?.();
    cancelPause = null;
  }

  return {
    want(how) {
      if (how === wanted) return;
      wanted = how;
      waiting.delete(begin);
      if (how === 'no') end();
      else turn();
      begin();
    },
    restart() {
      if (!isOver) return;
      isOver = false;
      breaks = 0;
      lastEventId = '';
      begin();
    },
    dispose() {
      wanted = 'no';
      waiting.delete(begin);
      end();
    },
  };
}
