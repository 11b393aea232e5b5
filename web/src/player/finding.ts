// One thing that the pipeline makes of a recording: asked for, waited for, and known to be there or not.

import { Problem } from '../service/problem.ts';
import type { Made } from '../service/service.ts';
import type { Stage } from '../service/shapes.ts';
import { findingPauseMs } from './patience.ts';
import type { Finding } from './state.ts';
import type { World } from './world.ts';

export interface FindingLoader<T> {
  readonly finding: Finding<T>;
  /** Asks, at once or as soon as what is under way is answered. */
  load(): void;
  /** What is said of the stage that makes it: by `/events`, whose news makes it ask, or by the call's details. */
  staged(stage: Stage, by: 'events' | 'details'): void;
  /** As somebody changed it. */
  replace(value: T): void;
  dispose(): void;
}

export interface FindingOptions<T> {
  readonly ask: (signal: AbortSignal) => Promise<Made<T>>;
  readonly changed: () => void;
  /** The link has expired: whether there is another one. */
  readonly renewLink: () => Promise<boolean>;
  readonly world: World;
}

/** After that, only an event of its stage makes it ask again. */
const TRIES_MAX = 6;

export function createFinding<T>({ ask, changed, renewLink, world }: FindingOptions<T>): FindingLoader<T> {
  let finding: Finding<T> = { kind: 'unknown' };
  let stageState: Stage['state'] | null = null;
  let asking: AbortController | null = null;
  let isAskedAgain = false;
  let cancelPause: (() => void) | null = null;
  let tries = 0;
  let mayRenew = true;
  let isDisposed = false;

  function set(next: Finding<T>): void {
    finding = next;
    changed();
  }

  async function run(): Promise<void> {
    cancelPause?.();
    cancelPause = null;
    const mine = new AbortController();
    asking = mine;
    const then = await ask(mine.signal).then(
      (made) => (): void => answered(made),
      (error: unknown) => (): void => refused(error),
    );
    if (asking !== mine) return;
    asking = null;
    if (isAskedAgain) {
      isAskedAgain = false;
      void run();
      return;
    }
    then();
  }

  function answered(made: Made<T>): void {
    if (made.kind === 'made') {
      tries = 0;
      mayRenew = true;
      set({ kind: 'found', value: made.value });
      return;
    }
    if (finding.kind === 'unknown' || finding.kind === 'none') set({ kind: 'coming', progress: null });
    later(null);
  }

  function refused(error: unknown): void {
    const problem = error instanceof Problem ? error : new Problem(200, 'unknown');
    if (problem.code === 'link_expired' && mayRenew) {
      mayRenew = false;
      void renewLink().then((isRenewed) => {
        if (isDisposed) return;
        if (isRenewed) load();
        else none('unreachable');
      });
      return;
    }
    const why = whyNone(problem);
    if (why !== 'unreachable') {
      none(why);
      return;
    }
    const isPassing = problem.status === 0 || problem.status === 429 || problem.status >= 500;
    if (!isPassing || !later(problem.retryAfterMs)) none('unreachable');
  }

  function none(why: Extract<Finding<T>, { kind: 'none' }>['why']): void {
    // What was there once is better than nothing, unless it is gone for good.
    if (finding.kind === 'found' && why === 'unreachable') return;
    set({ kind: 'none', why });
  }

  function later(retryAfterMs: number | null): boolean {
    if (tries >= TRIES_MAX) return false;
    cancelPause?.();
    cancelPause = world.after(retryAfterMs ?? findingPauseMs(tries), () => void run());
    tries++;
    return true;
  }

  function load(): void {
    tries = 0;
    if (asking !== null) isAskedAgain = true;
    else void run();
  }

  return {
    get finding() {
      return finding;
    },
    load,
    staged({ state, progress }, by) {
      const isNews = by === 'events' && state !== stageState;
      stageState = state;
      const goesOn = state === 'running' || state === 'waiting';
      if (!goesOn) {
        if (isNews) load();
        return;
      }
      const isKnown = finding.kind === 'coming' && finding.progress === progress;
      if (finding.kind !== 'found' && !isKnown) set({ kind: 'coming', progress });
    },
    replace: (value) => set({ kind: 'found', value }),
    dispose() {
      isDisposed = true;
      asking?.abort();
      asking = null;
      cancelPause?.();
      cancelPause = null;
    },
  };
}

function whyNone({ status, code }: Problem): Extract<Finding<unknown>, { kind: 'none' }>['why'] {
  if (status === 410) return 'gone';
  if (status !== 404) return 'unreachable';
  switch (code) {
    case 'no_speech':
      return 'no_speech';
    case 'no_transcript':
    case 'pipeline_off':
      return 'off';
    case 'pipeline_failed':
      return 'failed';
    default:
      return 'none';
  }
}
