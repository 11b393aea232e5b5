// The one state of the console, and every way in which it changes. Pure but for `createStore`.
//
// Invariant: where a live actor and the list differ about a recording, the actor is right.

export const initialState = {
  session: 'unknown', // unknown · in · out
  signInProblem: null, // {key, values} of a message
  business: null,
  role: null, // as far as known
  direction: 'all',
  calls: null, // null until the first answer
  cursor: null,
  more: 'idle', // idle · loading · failed
  connection: null, // null while all is well, else {key, values} of a message
  live: { shown: null, snapshot: null, failing: false }, // shown: null until known
  liveRecordings: new Map(), // by recording SID
  awaited: null, // {sid, callSid, sinceMs} of the recording that was pressed last and is not heard yet
  faults: {}, // by recording SID: what was last known of it since it stopped playing
  nowMs: 0,
};

export function createStore(initial) {
  let state = initial;
  const listeners = new Set();
  return {
    get: () => state,
    subscribe: (listener) => listeners.add(listener),
    /** `transition(state, ...values)` answers the next state. */
    apply(transition, ...values) {
      const previous = state;
      state = transition(state, ...values);
      if (state !== previous) for (const listener of listeners) listener(state, previous);
    },
  };
}

/** `who` is `{business, role}`. */
export function signedIn(state, who) {
  return { ...initialState, ...who, session: 'in', direction: state.direction };
}

export function signedOut(state, problem = null) {
  return { ...initialState, session: 'out', signInProblem: problem, direction: state.direction };
}

export function directionChosen(state, direction) {
  return { ...state, direction, calls: null, cursor: null, more: 'idle' };
}

/**
 * The newest page was asked again. Older pages, once loaded, stay below it, unless so much is new that there is a
 * gap between them: then only the call that plays stays.
 */
export function newestArrived(state, page, nowMs, playingSid = null) {
  const newest = listOf(page?.calls);
  const known = state.calls ?? [];
  const last = newest.at(-1)?.call_sid;
  const seam = known.findIndex((call) => call.call_sid === last);
  const cursor = page?.next_cursor ?? null;
  const joined = cursor !== null && seam >= 0 && seam < known.length - 1;
  const kept = joined ? known.slice(seam + 1) : known.filter((call) => cursor !== null && call.call_sid === playingSid);
  const liveRecordings = state.live.shown ? state.liveRecordings : onlyAwaited(state);
  return {
    ...state,
    session: 'in',
    connection: null,
    nowMs,
    liveRecordings,
    calls: overlaid([...newest, ...without(kept, newest)], liveRecordings),
    cursor: joined ? state.cursor : cursor,
  };
}

export const moreAsked = (state) => ({ ...state, more: 'loading' });

export const moreFailed = (state) => ({ ...state, more: 'failed' });

/** An older page; one that was asked before the list changed its mind is dropped. */
export function olderArrived(state, page, asked) {
  if (asked.cursor !== state.cursor || asked.direction !== state.direction) return { ...state, more: 'idle' };
  const known = state.calls ?? [];
  const calls = [...known, ...without(listOf(page?.calls), known)];
  return {
    ...state,
    more: 'idle',
    calls: overlaid(calls, state.liveRecordings),
    cursor: page?.next_cursor ?? null,
  };
}

export function actorsArrived(state, snapshot, nowMs) {
  const recordings = listOf(snapshot?.calls).flatMap((call) => listOf(call?.recordings));
  const liveRecordings = new Map(recordings.map((recording) => [recording.recording_sid, recording]));
  return {
    ...state,
    nowMs,
    live: { shown: true, snapshot: snapshot ?? {}, failing: false },
    ...liveSeen(state, liveRecordings),
  };
}

/** What the awaited recording says of itself to those who may not see the actors. */
export function statusArrived(state, sid, status) {
  return { ...state, ...liveSeen(state, new Map([[sid, status]])) };
}

export function actorsRefused(state) {
  return { ...state, live: { shown: false, snapshot: null, failing: false }, liveRecordings: new Map() };
}

export const actorsFailing = (state) => ({ ...state, live: { ...state.live, failing: true } });

export const connectionTroubled = (state, problem) => ({ ...state, connection: problem });

/** One recording plays at a time, so one is awaited at most: none if it is ready. */
export function playPressed(state, { sid, callSid }, ready, nowMs) {
  return { ...state, awaited: ready ? null : { sid, callSid, sinceMs: nowMs } };
}

export function playSettled(state, sid) {
  return state.awaited?.sid === sid ? { ...state, awaited: null } : state;
}

export function faultKnown(state, recordingSid, fault) {
  return { ...state, faults: { ...state.faults, [recordingSid]: fault } };
}

export function faultForgotten(state, recordingSid) {
  if (!Object.hasOwn(state.faults, recordingSid)) return state;
  const { [recordingSid]: _, ...faults } = state.faults;
  return { ...state, faults };
}

/** The recordings whose state differs between two states, as `{call, recording}` of the later one. */
export function stateChanges(state, previous) {
  if (!state.calls || !previous.calls || state.calls === previous.calls) return [];
  const before = new Map(
    previous.calls.flatMap((call) => listOf(call.recordings)).map((one) => [one.recording_sid, one.state]),
  );
  return state.calls.flatMap((call) =>
    listOf(call.recordings)
      .filter((one) => before.has(one.recording_sid) && before.get(one.recording_sid) !== one.state)
      .map((recording) => ({ call, recording })),
  );
}

/** How many calls are above what was the newest one. */
export function newCallCount(state, previous) {
  if (!state.calls || !previous.calls?.length || state.direction !== previous.direction) return 0;
  const first = previous.calls[0].call_sid;
  return Math.max(0, state.calls.findIndex((call) => call.call_sid === first));
}

export const listOf = (value) => (Array.isArray(value) ? value : []);

function without(calls, others) {
  const sids = new Set(others.map((call) => call.call_sid));
  return calls.filter((call) => !sids.has(call.call_sid));
}

const onlyAwaited = ({ awaited, liveRecordings }) =>
  new Map([...liveRecordings].filter(([sid]) => sid === awaited?.sid));

function liveSeen(state, liveRecordings) {
  const faults = Object.entries(state.faults).map(([sid, fault]) => [sid, refreshed(fault, liveRecordings.get(sid))]);
  return {
    liveRecordings,
    faults: Object.fromEntries(faults),
    calls: state.calls && overlaid(state.calls, liveRecordings),
  };
}

/** A fault follows its recording until that is ready: then it is told as healed, or as a broken connection. */
function refreshed(fault, live) {
  return !live || fault.asking || live.state === 'ready' || fault.state === 'ready' ? fault : live;
}

function overlaid(calls, live) {
  if (live.size === 0) return calls;
  return calls.map((call) => {
    const differs = ({ recording_sid: sid, state }) => (live.get(sid)?.state ?? state) !== state;
    if (!listOf(call.recordings).some(differs)) return call;
    const recordings = call.recordings.map((one) => ({ ...one, state: live.get(one.recording_sid)?.state ?? one.state }));
    return { ...call, recordings };
  });
}
