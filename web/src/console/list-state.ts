// A list of calls as pages arrive: the newest again and again, older ones on demand. Pure.

import type { Call, CallPage, RecordingState } from '../service/shapes.ts';

export interface ListState {
  /** Null until the first answer. */
  readonly calls: readonly Call[] | null;
  /** Of the page below the last call; null where that is all. */
  readonly cursor: string | null;
  readonly more: 'idle' | 'loading' | 'failed';
}

export const EMPTY: ListState = { calls: null, cursor: null, more: 'idle' };

/**
 * The newest page was asked again. Older pages stay below it, unless so much is new that there is a gap between them.
 */
export function newestArrived(state: ListState, page: CallPage): ListState {
  const known = state.calls ?? [];
  const last = page.calls.at(-1)?.call_sid;
  const seam = known.findIndex((call) => call.call_sid === last);
  const joins = page.next_cursor !== null && seam >= 0 && seam < known.length - 1;
  if (!joins) return { ...state, calls: page.calls, cursor: page.next_cursor };
  return { ...state, calls: [...page.calls, ...without(known.slice(seam + 1), page.calls)] };
}

export function moreAsked(state: ListState): ListState {
  return { ...state, more: 'loading' };
}

export function moreFailed(state: ListState): ListState {
  return { ...state, more: 'failed' };
}

/** An older page; one asked for before the list changed its end is dropped. */
export function olderArrived(state: ListState, page: CallPage, askedCursor: string): ListState {
  if (askedCursor !== state.cursor) return { ...state, more: 'idle' };
  const known = state.calls ?? [];
  return { calls: [...known, ...without(page.calls, known)], cursor: page.next_cursor, more: 'idle' };
}

/** How many calls are above what was the newest one. */
export function newCallCount(before: ListState, after: ListState): number {
  const first = before.calls?.[0]?.call_sid;
  if (first === undefined || after.calls === null) return 0;
  return Math.max(
    0,
    after.calls.findIndex((call) => call.call_sid === first),
  );
}

/** The calls with a recording whose state is another now. */
export function stateChanges(before: ListState, after: ListState): readonly { call: Call; state: RecordingState }[] {
  if (before.calls === null || after.calls === null || before.calls === after.calls) return [];
  const known = new Map(before.calls.flatMap((call) => call.recordings).map((one) => [one.recording_sid, one.state]));
  return after.calls.flatMap((call) =>
    call.recordings
      .filter((one) => (known.get(one.recording_sid) ?? one.state) !== one.state)
      .map(({ state }) => ({ call, state })),
  );
}

/** The calls above and below one: newer and older. */
export function neighbours(calls: readonly Call[], call: string): { newer: string | null; older: string | null } {
  const at = calls.findIndex((one) => one.call_sid === call);
  if (at < 0) return { newer: null, older: null };
  return { newer: calls[at - 1]?.call_sid ?? null, older: calls[at + 1]?.call_sid ?? null };
}

function without(calls: readonly Call[], others: readonly Call[]): readonly Call[] {
  const sids = new Set(others.map((call) => call.call_sid));
  return calls.filter((call) => !sids.has(call.call_sid));
}
