// Order, counts and shares.

import { describe, expect, it } from 'vitest';
import { type Board, EMPTY } from './board.ts';
import * as models from './models.ts';
import { call, failed, job, jobsPage, recording, time } from './samples.ts';
import type { Failure, Pool, TreeNode } from './shapes.ts';

const pool: Pool = {
  running: 2,
  parallel_max: 4,
  queued: { listen: 1, prefetch: 40, backfill: 0 },
  accounts: [],
  accounts_total: 0,
  fetched_total: 0,
  failed_total: 0,
};

function node(name: string, detail: object | null): TreeNode {
  const shown = detail === null ? null : { ...detail };
  return { name, kind: name, state: 'running', since: time(0), restarts: 0, last_error: null, detail: shown };
}

const board = (over: Partial<Board>): Board => ({ ...EMPTY, known: true, ...over });
const sids = (calls: readonly { call_sid: string }[]) => calls.map(({ call_sid }) => call_sid);

describe('the pool', () => {
  it('is known by the fetcher’s detail', () => {
    expect(models.poolOf(board({ tree: [node('fetcher', pool)] }))).toEqual(pool);
    expect(models.poolOf(board({ tree: [node('fetcher', null)] }))).toBeNull();
    expect(models.poolOf(EMPTY)).toBeNull();
  });

  it('shows its queues on one scale, short ones short', () => {
    expect(models.queuesOf(pool).map(({ intent, share }) => [intent, share])).toEqual([
      ['listen', 1 / 40],
      ['prefetch', 1],
      ['backfill', 0],
    ]);
    const short = { ...pool, queued: { listen: 1, prefetch: 0, backfill: 0 } };
    expect(models.queuesOf(short)[0]?.share).toBe(0.1);
  });

  it('shows a slot for each fetch, and a bounded number of them', () => {
    expect(models.slotsOf(pool)).toEqual([true, true, false, false]);
    const large = models.slotsOf({ ...pool, parallel_max: 320, running: 1 });
    expect([large.length, large.filter(Boolean).length]).toEqual([32, 1]);
    expect(models.slotsOf({ ...pool, parallel_max: 0, running: 0 })).toEqual([]);
  });
});

it('counts what is under way', () => {
  const stage = {
    stage: 'measure',
    workers: 1,
    waiting: 0,
    running: 0,
    cancelled: 0,
    paused_for_seconds: null,
    finished_total: 0,
    failed_total: 0,
    postponed_total: 0,
    lost_total: 0,
    last_error: null,
    next: '',
  } as const;
  const shown = board({
    tree: [node('recordings', { live: 7 }), node('fetcher', pool)],
    callsTotal: 3,
    jobs: {
      ...jobsPage([]),
      stages: [
        { ...stage, dead: 2 },
        { ...stage, stage: 'extract', dead: 1 },
      ],
    },
  });
  expect(models.figuresOf(shown)).toEqual({
    awake: 7,
    fetching: 2,
    queued: 41,
    listeners: 0,
    jobsRunning: 0,
    dead: 3,
  });
});

describe('calls', () => {
  const idle = call({ call_sid: 'CA1' });
  const moving = call({ call_sid: 'CA2', recordings: [recording({ state: 'downloading' })] });
  const broken = call({ call_sid: 'CA3', recordings: [recording({ state: 'failed' })] });
  const ready = call({ call_sid: 'CA4', recordings: [recording({ state: 'ready', since: time(9) })] });

  it('come with what moves first, then what failed', () => {
    expect(sids(models.arrange([], [ready, idle, broken, moving], false))).toEqual(['CA2', 'CA3', 'CA1', 'CA4']);
  });

  it('stay where they are while somebody is among them', () => {
    const done = { ...moving, recordings: [recording({ state: 'ready' })] };
    const arranged = models.arrange([moving, idle], [ready, done], true);
    expect(arranged.map(({ call_sid, live }) => [call_sid, live])).toEqual([
      ['CA2', true],
      ['CA1', false],
      ['CA4', true],
    ]);
    expect(arranged[0]?.recordings[0]?.state).toBe('ready');
  });

  it('are filtered by what any of their recordings is', () => {
    const two = call({ recordings: [recording({ state: 'ready' }), recording({ state: 'failed' })] });
    expect(models.filtered([idle, two], 'failed')).toEqual([two]);
    expect(models.filtered([idle, two], 'all')).toHaveLength(2);
  });
});

describe('orders', () => {
  it('are offered where they make sense', () => {
    const of = (state: 'absent' | 'downloading' | 'ready' | 'failed' | 'gone', reason: string | null = null) =>
      models.ordersFor(recording({ state, reason }));
    expect(of('failed')).toEqual({ retry: true, evict: false });
    expect(of('ready')).toEqual({ retry: false, evict: true });
    expect(of('downloading')).toEqual({ retry: false, evict: false });
    expect(of('gone', 'its retention is over').retry).toBe(false);
    expect(of('gone', 'Twilio announced it and never published it').retry).toBe(true);
  });

  it('about jobs: a dead one is tried again, a running one cancelled', () => {
    expect(models.jobOrdersFor(job({ state: 'dead' }))).toEqual({ retry: true, cancel: false });
    expect(models.jobOrdersFor(job({ state: 'running' }))).toEqual({ retry: false, cancel: true });
    expect(models.jobOrdersFor(job({ state: 'done' }))).toEqual({ retry: false, cancel: false });
  });
});

describe('a failure', () => {
  const failure: Failure = { ...failed({}), times: 1, first_at: time(1) };
  const withState = (state: 'ready' | 'failed' | 'downloading') =>
    board({ calls: [call({ recordings: [recording({ state })] })] });

  it('is over once its recording is ready, and then nothing is to be done', () => {
    expect(models.sinceFailure(failure, withState('ready'))).toBe('over');
    expect(models.repairOf(failure, withState('ready'))).toBeNull();
    expect(models.sinceFailure(failure, withState('downloading'))).toBe('again');
  });

  it('can be repaired while it lasts, also when its actor rests', () => {
    const repair = { kind: 'recording', call: 'CA1', recording: 'RE1' };
    expect(models.repairOf(failure, withState('failed'))).toEqual(repair);
    expect(models.sinceFailure(failure, EMPTY)).toBe('unknown');
    expect(models.repairOf(failure, EMPTY)).toEqual(repair);
  });

  it('of a job is as the job is by now', () => {
    const stage: Failure = {
      event: 'stage',
      at: time(1),
      business: 'acme',
      call_sid: 'CA1',
      recording_sid: 'RE1',
      job: 7,
      stage: 'extract',
      state: 'dead',
      attempt: 3,
      error: 'it answers 500',
      times: 3,
      first_at: time(0),
    };
    expect(models.repairOf(stage, EMPTY)).toEqual({ kind: 'job', job: 7 });
    const since = (state: 'waiting' | 'dead' | 'done') =>
      models.sinceFailure(stage, board({ jobs: jobsPage([job({ id: 7, state })]) }));
    expect([since('waiting'), since('dead'), since('done')]).toEqual(['again', 'failed', 'over']);
  });

  it('is news once, and only after the first snapshot', () => {
    const before = board({ failures: [failure] });
    const again = { ...failure, at: time(5), times: 2 };
    expect(models.newFailures(before, board({ failures: [again] }))).toEqual([again]);
    expect(models.newFailures(before, board({ failures: [failure] }))).toEqual([]);
    expect(models.newFailures(EMPTY, board({ failures: [failure] }))).toEqual([]);
  });
});

it('what runs is as the stream says it, or else as the list has it', () => {
  const jobs = jobsPage([job({ id: 3, state: 'running', progress: 0.25 }), job({ id: 2 })]);
  expect(models.runningJobs(board({ jobs })).map(({ id, progress }) => [id, progress])).toEqual([[3, 0.25]]);
});

it('shows plain facts of an actor’s detail, and nothing nested', () => {
  const detail = { copies: 2, bytes: 9, limit_bytes: 10, last_error: 'x', accounts: [], next_at: time(0), every: null };
  expect(models.factsOf(node('vault-keeper', detail))).toEqual([
    ['copies', 2],
    ['next_at', time(0)],
  ]);
});
