// How long the console waits for an answer, and what it makes of none.

import { Problem } from '../service/problem.ts';

const REQUEST_MS_MAX = 15_000;

/** Ends with `ending`, and in any case when an answer takes too long. */
export function bounded(ending?: AbortSignal): AbortSignal {
  const limit = AbortSignal.timeout(REQUEST_MS_MAX);
  return ending === undefined ? limit : AbortSignal.any([ending, limit]);
}

/** What no answer came to in time is no answer. */
export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, 'offline');
}
