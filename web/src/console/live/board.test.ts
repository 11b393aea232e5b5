// What the page knows after snapshots and events, in whatever order they come.

import { describe, expect, it } from 'vitest';
import { type Board, type Change, EMPTY, EVENTS_MAX, FAILURES_MAX, reduce, serverNowMs } from './board.ts';
import { actorsPage, call, failed, job, jobsPage, recording, T0, time } from './samples.ts';
import type { Happening } from './shapes.ts';

const boardAfter = (...changes: Change[]): Board => changes.reduce(reduce, EMPTY);
const actors = (page = actorsPage({})): Change => ({ kind: 'actors', page, atMs: T0 });
const happened = (happening: Happening): Change => ({ kind: 'happening', happening });

function stage(over: Partial<Happening & { event: 'stage' }>): Happening {
  return {
    event: 'stage',
    at: time(1),
    business: 'acme',
    call_sid: 'CA1',
    recording_sid: 'RE1',
    job: 7,
    stage: 'transcribe',
    state: 'waiting',
    attempt: 1,
    error: null,
    ...over,
  };
}

describe('a snapshot', () => {
  it('tells how far the service’s clock is ahead', () => {
    const board = boardAfter({ kind: 'actors', page: actorsPage({ generated_at: time(90) }), atMs: T0 });
    expect(serverNowMs(board, T0 + 1000)).toBe(T0 + 91_000);
  });

  it('does not undo what an event told meanwhile', () => {
    const ready = recording({ state: 'ready', since: time(5) });
    const told = happened({
      event: 'state',
      at: time(5),
      business: 'acme',
      call_sid: 'CA1',
      from: 'downloading',
      recording: ready,
    });
    const older = actorsPage({
      generated_at: time(4),
      calls: [call({ recordings: [recording({ state: 'downloading', since: time(1) })] })],
    });
    const board = boardAfter(actors(actorsPage({ calls: [call({})] })), told, actors(older));
    expect(board.calls[0]?.recordings[0]?.state).toBe('ready');
    const newer = actorsPage({ calls: [call({ recordings: [recording({ state: 'absent', since: time(9) })] })] });
    expect(reduce(board, actors(newer)).calls[0]?.recordings[0]?.state).toBe('absent');
  });

  it('keeps failures that are newer than it', () => {
    const board = boardAfter(
      happened(failed({ at: time(9) })),
      actors(
        actorsPage({ generated_at: time(5), failures: [{ ...stage({ error: 'x' }), times: 1, first_at: time(1) }] }),
      ),
    );
    expect(board.failures.map(({ event }) => event)).toEqual(['state', 'stage']);
    const later = reduce(board, actors(actorsPage({ generated_at: time(10) })));
    expect(later.failures).toEqual([]);
  });
});

describe('events', () => {
  it('show a call that was asleep', () => {
    const board = boardAfter(actors(), happened(failed({ call_sid: 'CA9' })));
    expect(board.calls.map((one) => [one.call_sid, one.recordings[0]?.state])).toEqual([['CA9', 'failed']]);
  });

  it('do not mix up two businesses’ calls', () => {
    const board = boardAfter(actors(actorsPage({ calls: [call({})] })), happened(failed({ business: 'globex' })));
    expect(board.calls.map((one) => one.recordings[0]?.state)).toEqual(['absent', 'failed']);
  });

  it('are kept to a bound, newest first', () => {
    const many = Array.from({ length: EVENTS_MAX + 5 }, (_, index) => happened(stage({ job: index })));
    const board = boardAfter(...many);
    expect(board.events).toHaveLength(EVENTS_MAX);
    expect(board.events[0]?.happening).toMatchObject({ job: EVENTS_MAX + 4 });
    expect(new Set(board.events.map(({ id }) => id)).size).toBe(EVENTS_MAX);
  });

  it('are held back while paused, and shown after', () => {
    const paused = boardAfter(
      happened(stage({ job: 1 })),
      { kind: 'pause', paused: true },
      happened(stage({ job: 2 })),
    );
    expect([paused.events.length, paused.held.length]).toEqual([1, 1]);
    const resumed = reduce(paused, { kind: 'pause', paused: false });
    expect(resumed.events.map(({ happening }) => (happening.event === 'stage' ? happening.job : 0))).toEqual([2, 1]);
    expect(resumed.held).toEqual([]);
  });

  it('count the same failure instead of listing it again', () => {
    const board = boardAfter(
      happened(failed({ at: time(1) })),
      happened(failed({ at: time(2), call_sid: 'CA2' })),
      happened(failed({ at: time(3) })),
    );
    expect(board.failures.map(({ times, first_at, at }) => [times, first_at, at])).toEqual([
      [2, time(1), time(3)],
      [1, time(2), time(2)],
    ]);
  });

  it('keep failures to a bound', () => {
    const many = Array.from({ length: FAILURES_MAX + 1 }, (_, index) => happened(stage({ job: index, error: 'x' })));
    expect(boardAfter(...many).failures).toHaveLength(FAILURES_MAX);
  });

  it('tell of the supervisor’s children', () => {
    const node = { name: 'fetcher', kind: 'TwilioFetcher', state: 'running', since: time(0), restarts: 0 } as const;
    const page = actorsPage({ tree: [{ ...node, last_error: null, detail: null }] });
    const ended = boardAfter(
      actors(page),
      happened({ event: 'ended', at: time(3), actor: 'fetcher', restarts: 1, error: 'a bug', next: 'started again' }),
    );
    expect(ended.tree[0]).toMatchObject({ state: 'restarting', restarts: 1, last_error: 'a bug', since: time(3) });
    const again = reduce(ended, happened({ event: 'restarted', at: time(4), actor: 'fetcher' }));
    expect(again.tree[0]).toMatchObject({ state: 'running', last_error: 'a bug', since: time(4) });
  });
});

describe('progress', () => {
  const awake = { live: 3, loading: 0, draining: 0, cooling: 0, parked: 0 };
  const moving = (received_bytes: number): Change => ({
    kind: 'progress',
    progress: {
      fetches: [
        {
          business: 'acme',
          call_sid: 'CA1',
          recording_sid: 'RE1',
          phase: 'receiving',
          received_bytes,
          total_bytes: 100,
        },
      ],
      jobs: [],
      awake,
      vault: { copies: 1, bytes: 5 },
    },
  });

  it('moves the bytes of what is being downloaded', () => {
    const downloading = call({ recordings: [recording({ state: 'downloading' })] });
    const board = boardAfter(actors(actorsPage({ calls: [downloading] })), moving(40));
    expect(board.calls[0]?.recordings[0]).toMatchObject({ received_bytes: 40, total_bytes: 100, phase: 'receiving' });
  });

  it('does not touch what has ended meanwhile', () => {
    const ready = call({ recordings: [recording({ state: 'ready', received_bytes: null })] });
    const board = boardAfter(actors(actorsPage({ calls: [ready] })), moving(40));
    expect(board.calls[0]?.recordings[0]?.received_bytes).toBeNull();
  });

  it('moves the counts in the tree, and leaves the rest of it', () => {
    const node = { name: 'vault-keeper', kind: 'VaultKeeper', state: 'running', since: time(0), restarts: 0 } as const;
    const page = actorsPage({ tree: [{ ...node, last_error: null, detail: { bytes: 0, limit_bytes: 9 } }] });
    expect(boardAfter(actors(page), moving(1)).tree[0]?.detail).toEqual({ bytes: 5, limit_bytes: 9, copies: 1 });
  });
});

describe('jobs', () => {
  it('of another filter than the one that is shown are passed over', () => {
    const board = boardAfter(
      { kind: 'jobs', page: jobsPage([job({ id: 1 })]), filter: 'all' },
      { kind: 'filter', filter: 'dead' },
      { kind: 'jobs', page: jobsPage([job({ id: 2 })]), filter: 'all' },
    );
    expect([board.jobsFilter, board.jobs?.jobs]).toEqual(['dead', []]);
  });

  it('that were asked for further down stay when the first page is read again', () => {
    const first = jobsPage([job({ id: 9 }), job({ id: 8 })], 8);
    const board = boardAfter(
      { kind: 'jobs', page: first, filter: 'all' },
      { kind: 'more-jobs', page: jobsPage([job({ id: 7 })]), filter: 'all' },
      { kind: 'jobs', page: jobsPage([job({ id: 10 }), job({ id: 9 })], 9), filter: 'all' },
    );
    expect(board.jobs?.jobs.map(({ id }) => id)).toEqual([10, 9, 8, 7]);
    expect(board.jobs?.next_before).toBeNull();
  });

  it('change where an order changed one', () => {
    const board = boardAfter(
      { kind: 'jobs', page: jobsPage([job({ id: 1, state: 'dead' }), job({ id: 2 })]), filter: 'all' },
      { kind: 'job', job: job({ id: 1, state: 'waiting' }) },
    );
    expect(board.jobs?.jobs.map(({ state }) => state)).toEqual(['waiting', 'done']);
  });

  it('no longer run once their stage says so', () => {
    const running = { id: 7, stage: 'transcribe', business: 'acme', call_sid: 'CA1', attempt: 1 } as const;
    const before = { ...EMPTY, running: [{ ...running, since: time(0), progress: 0.5 }] };
    expect(reduce(before, happened(stage({ state: 'running' }))).running).toHaveLength(1);
    expect(reduce(before, happened(stage({ state: 'dead', error: 'x' }))).running).toHaveLength(0);
  });
});

it('what cannot be read is known until it can', () => {
  const failing = boardAfter(
    { kind: 'unread', snapshot: 'jobs', failing: true },
    { kind: 'unread', snapshot: 'jobs', failing: true },
  );
  expect(failing.unread).toEqual(['jobs']);
  expect(reduce(failing, { kind: 'unread', snapshot: 'jobs', failing: false }).unread).toEqual([]);
});
