// What is shown of the board, worked out: order, counts and shares. Pure: no words, no document, no clock.

import type { RecordingState } from '../../service/shapes.ts';
import type { Board } from './board.ts';
import { keyOf, subjectOf } from './board.ts';
import {
  type Failure,
  INTENTS,
  type Intent,
  type Job,
  type JobProgress,
  type LiveCall,
  type LiveRecording,
  type Pool,
  type TreeNode,
  type VaultDetail,
} from './shapes.ts';

export type Tone = 'good' | 'moving' | 'waiting' | 'bad' | 'quiet';

export function toneOf(state: RecordingState): Tone {
  switch (state) {
    case 'ready':
      return 'good';
    case 'downloading':
      return 'moving';
    case 'failed':
      return 'bad';
    case 'absent':
    case 'gone':
      return 'quiet';
  }
}

/** One that is absent only because nobody wants it waits for nothing. */
export function toneOfRecording(recording: LiveRecording): Tone {
  return recording.state === 'absent' && recording.retry_at !== null ? 'waiting' : toneOf(recording.state);
}

export function nodeOf(board: Board, name: string): TreeNode | null {
  return board.tree.find((node) => node.name === name) ?? null;
}

/** Null until it is known. */
export function poolOf(board: Board): Pool | null {
  const detail: unknown = nodeOf(board, 'fetcher')?.detail;
  return isPool(detail) ? detail : null;
}

function isPool(detail: unknown): detail is Pool {
  return typeof detail === 'object' && detail !== null && 'parallel_max' in detail && 'queued' in detail;
}

export function vaultOf(board: Board): VaultDetail | null {
  const detail: unknown = nodeOf(board, 'vault-keeper')?.detail;
  return isVault(detail) ? detail : null;
}

function isVault(detail: unknown): detail is VaultDetail {
  return typeof detail === 'object' && detail !== null && 'bytes' in detail && 'limit_bytes' in detail;
}

export interface QueueModel {
  readonly intent: Intent;
  readonly count: number;
  /** Of the longest bar, from 0 to 1. */
  readonly share: number;
}

/** Bars of one scale: short queues look short. */
const BAR_MIN = 10;

export function queuesOf(pool: Pool): readonly QueueModel[] {
  const longest = Math.max(BAR_MIN, ...INTENTS.map((intent) => pool.queued[intent] ?? 0));
  return INTENTS.map((intent) => {
    const count = pool.queued[intent] ?? 0;
    return { intent, count, share: count / longest };
  });
}

const SLOTS_SHOWN = 32;

/** One for each fetch that may run at once; with very many, each stands for several. */
export function slotsOf(pool: Pool): readonly boolean[] {
  const shown = Math.min(pool.parallel_max, SLOTS_SHOWN);
  const busy = pool.parallel_max === 0 ? 0 : Math.ceil((pool.running / pool.parallel_max) * shown);
  return Array.from({ length: shown }, (_, index) => index < busy);
}

export interface Figures {
  readonly awake: number;
  readonly fetching: number;
  readonly queued: number;
  readonly listeners: number;
  readonly jobsRunning: number;
  readonly dead: number;
}

export function figuresOf(board: Board): Figures {
  const pool = poolOf(board);
  const live = nodeOf(board, 'recordings')?.detail?.live;
  return {
    awake: typeof live === 'number' ? live : board.callsTotal,
    fetching: pool?.running ?? 0,
    queued: pool === null ? 0 : INTENTS.reduce((sum, intent) => sum + (pool.queued[intent] ?? 0), 0),
    listeners: board.listeners,
    jobsRunning: board.running.length,
    dead: board.jobs?.stages.reduce((sum, stage) => sum + stage.dead, 0) ?? 0,
  };
}

/** What moves comes first, then what failed, then what changed last. */
export function byActivity(one: LiveCall, other: LiveCall): number {
  return urgency(other) - urgency(one) || changedMs(other) - changedMs(one) || (keyOf(one) < keyOf(other) ? -1 : 1);
}

function urgency(call: LiveCall): number {
  const is = (state: RecordingState) => call.recordings.some((recording) => recording.state === state);
  if (is('downloading')) return 3;
  if (is('failed') || call.last_error !== null) return 2;
  return is('absent') ? 1 : 0;
}

const changedMs = (call: LiveCall) =>
  Math.max(...[call, ...call.recordings].map(({ since }) => Date.parse(since) || 0));

/** However long somebody stays in the list. */
const STAYING_MAX = 500;

/**
 * The calls in the order to show them. While somebody is in the list (`frozen`) each stays where it is, those that went
 * to rest stay as they were last, and new ones come last: nothing moves under a finger or a focus.
 */
export function arrange(before: readonly LiveCall[], calls: readonly LiveCall[], frozen: boolean): readonly LiveCall[] {
  if (!frozen) return calls.toSorted(byActivity);
  const now = new Map(calls.map((call) => [keyOf(call), call]));
  const last = before.slice(0, STAYING_MAX);
  const stayed = last.map((call) => now.get(keyOf(call)) ?? { ...call, live: false });
  const shown = new Set(last.map(keyOf));
  return [...stayed, ...calls.filter((call) => !shown.has(keyOf(call))).toSorted(byActivity)];
}

export type CallFilter = 'all' | RecordingState;

export function filtered(calls: readonly LiveCall[], filter: CallFilter): readonly LiveCall[] {
  if (filter === 'all') return calls;
  return calls.filter((call) => call.recordings.some((recording) => recording.state === filter));
}

/** Why a recording is gone that may yet be found: as the service says it. */
const MISSING = 'Twilio announced it and never published it';

/** What the service would agree to; it decides again. */
export function ordersFor(recording: LiveRecording): { readonly retry: boolean; readonly evict: boolean } {
  switch (recording.state) {
    case 'absent':
    case 'failed':
      return { retry: true, evict: false };
    case 'gone':
      return { retry: recording.reason === MISSING, evict: false };
    case 'ready':
      return { retry: false, evict: true };
    case 'downloading':
      return { retry: false, evict: false };
  }
}

export function jobOrdersFor(job: Job): { readonly retry: boolean; readonly cancel: boolean } {
  switch (job.state) {
    case 'waiting':
      return { retry: true, cancel: true };
    case 'running':
      return { retry: false, cancel: true };
    case 'dead':
    case 'cancelled':
      return { retry: true, cancel: false };
    case 'done':
      return { retry: false, cancel: false };
  }
}

/** How it is with what failed, by now: a failure that is over is none to act upon. */
export type Since = 'failed' | 'over' | 'again' | 'unknown';

export function sinceFailure(failure: Failure, board: Board): Since {
  switch (failure.event) {
    case 'state': {
      const call = board.calls.find((call) => keyOf(call) === keyOf(failure));
      const sid = failure.recording.recording_sid;
      const state = call?.recordings.find((recording) => recording.recording_sid === sid)?.state;
      if (state === undefined) return 'unknown';
      return state === 'failed' ? 'failed' : state === 'ready' ? 'over' : 'again';
    }
    case 'stage':
      return sinceJob(failure.job, failure.state, board);
    case 'ended': {
      const node = nodeOf(board, failure.actor);
      return node === null ? 'unknown' : node.state === 'running' ? 'over' : 'failed';
    }
    case 'crash':
    case 'restarted':
      return 'unknown';
  }
}

function sinceJob(id: number, state: string, board: Board): Since {
  if (board.running.some((running) => running.id === id)) return 'again';
  const job = board.jobs?.jobs.find((job) => job.id === id);
  const now = job?.state ?? state;
  if (now === 'done') return 'over';
  return now === 'dead' ? 'failed' : now === 'waiting' ? 'again' : 'unknown';
}

/** What can be ordered about a failure. */
export type Repair =
  | { readonly kind: 'recording'; readonly call: string; readonly recording: string }
  | { readonly kind: 'job'; readonly job: number };

export function repairOf(failure: Failure, board: Board): Repair | null {
  const since = sinceFailure(failure, board);
  if (since === 'over' || since === 'again') return null;
  if (failure.event === 'state') {
    return { kind: 'recording', call: failure.call_sid, recording: failure.recording.recording_sid };
  }
  return failure.event === 'stage' && failure.state === 'dead' ? { kind: 'job', job: failure.job } : null;
}

/** Of what runs: as the stream says it where it does, as the list has it where not. */
export function runningJobs(board: Board): readonly JobProgress[] {
  if (board.running.length > 0) return board.running;
  const running = board.jobs?.jobs.filter((job) => job.state === 'running') ?? [];
  return running.map((job) => ({
    id: job.id,
    stage: job.stage,
    business: job.business,
    call_sid: job.call_sid,
    attempt: job.attempt,
    since: job.created_at,
    progress: job.progress ?? 0,
  }));
}

/** What of an actor's detail is shown as plain figures: numbers, texts and times, by their names. */
export function factsOf(node: TreeNode): readonly (readonly [name: string, value: string | number])[] {
  const skipped = new Set(['bytes', 'limit_bytes', 'last_error']);
  return Object.entries(node.detail ?? {}).flatMap(([name, value]) =>
    (typeof value === 'number' || typeof value === 'string') && !skipped.has(name) ? [[name, value] as const] : [],
  );
}

/** What there is to say aloud: one sentence's worth of failures that came since. */
export function newFailures(before: Board, now: Board): readonly Failure[] {
  if (!before.known || before.failures === now.failures) return [];
  const seen = new Map(before.failures.map((failure) => [subjectOf(failure), failure.at]));
  return now.failures.filter((failure) => {
    const at = seen.get(subjectOf(failure));
    return at === undefined || Date.parse(failure.at) > Date.parse(at);
  });
}
