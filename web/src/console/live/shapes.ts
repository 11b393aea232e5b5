// What `/debug` says, as it says it: times are RFC 3339, lengths of time are seconds, sizes are bytes.

import type { Phase, RecordingState, StageName } from '../../service/shapes.ts';

export const INTENTS = ['listen', 'prefetch', 'backfill'] as const;
export type Intent = (typeof INTENTS)[number];

/** One recording as its call's actor publishes it. */
export interface LiveRecording {
  readonly recording_sid: string;
  readonly state: RecordingState;
  readonly since: string;
  readonly phase: Phase | null;
  readonly intent: Intent | null;
  readonly attempt: number;
  readonly received_bytes: number | null;
  readonly total_bytes: number | null;
  readonly waiting: number;
  readonly retry_at: string | null;
  readonly reason: string | null;
  readonly remedy: string | null;
  readonly next: string;
}

export interface LiveCall {
  readonly business: string;
  readonly call_sid: string;
  readonly live: boolean;
  readonly since: string;
  readonly restarts: number;
  readonly last_error: string | null;
  readonly asks: number;
  readonly waiting: number;
  readonly recordings: readonly LiveRecording[];
}

/** One of the supervisor's children; `detail` is as `kind` has it. */
export interface TreeNode {
  readonly name: string;
  readonly kind: string;
  readonly state: 'running' | 'restarting';
  readonly since: string;
  readonly restarts: number;
  readonly last_error: string | null;
  readonly detail: Readonly<Record<string, unknown>> | null;
}

/** How many calls are awake: in the tree under `recordings`, and in each `progress` event. */
export interface Awake {
  readonly live: number;
  readonly loading: number;
  readonly draining: number;
  readonly cooling: number;
  readonly parked: number;
}

export interface Account {
  readonly account: string;
  readonly requests_per_second: number | null;
  readonly paused_for_seconds: number | null;
  readonly breaker: 'open' | 'closed';
  readonly probed_in_seconds: number | null;
  readonly worked_at: string | null;
  readonly next: string;
}

/** The fetcher's pool: in the tree, and the `pool` event. */
export interface Pool {
  readonly running: number;
  readonly parallel_max: number;
  readonly queued: Readonly<Record<Intent, number>>;
  readonly accounts: readonly Account[];
  readonly accounts_total: number;
  readonly fetched_total: number;
  readonly failed_total: number;
}

export interface VaultDetail {
  readonly copies: number;
  readonly bytes: number;
  readonly limit_bytes: number;
}

/** Each event of `/debug/events` that tells what happened, by its name. */
export type Happening =
  | {
      readonly event: 'state';
      readonly at: string;
      readonly business: string;
      readonly call_sid: string;
      readonly from: RecordingState;
      readonly recording: LiveRecording;
    }
  | {
      readonly event: 'stage';
      readonly at: string;
      readonly business: string;
      readonly call_sid: string;
      readonly recording_sid: string;
      readonly job: number;
      readonly stage: StageName;
      readonly state: StageOutcome;
      readonly attempt: number;
      readonly error: string | null;
    }
  | {
      readonly event: 'crash';
      readonly at: string;
      readonly business: string;
      readonly call_sid: string;
      readonly count: number;
      readonly error: string;
      readonly next: string;
    }
  | {
      readonly event: 'ended';
      readonly at: string;
      readonly actor: string;
      readonly restarts: number;
      readonly error: string;
      readonly next: string;
    }
  | { readonly event: 'restarted'; readonly at: string; readonly actor: string };

export type StageOutcome = 'running' | 'done' | 'waiting' | 'dead' | 'lost';

/** The last time that something failed, and how often it did. */
export type Failure = Happening & { readonly times: number; readonly first_at: string };

/** `GET /debug/actors`. */
export interface ActorsPage {
  readonly generated_at: string;
  readonly tree: readonly TreeNode[];
  readonly calls: readonly LiveCall[];
  readonly calls_total: number;
  readonly calls_more: number;
  readonly failures: readonly Failure[];
  readonly listeners: number;
}

export type JobState = 'waiting' | 'running' | 'done' | 'dead' | 'cancelled';

export interface Job {
  readonly id: number;
  readonly stage: StageName;
  readonly state: JobState;
  readonly business: string;
  readonly call_sid: string;
  readonly recording_sid: string;
  readonly attempt: number;
  readonly progress: number | null;
  readonly run_at: string;
  readonly lease_until: string | null;
  readonly last_error: string | null;
  readonly result: string | null;
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly next: string;
}

export interface StagePool {
  readonly stage: StageName;
  readonly workers: number;
  readonly waiting: number;
  readonly running: number;
  readonly dead: number;
  readonly cancelled: number;
  readonly paused_for_seconds: number | null;
  readonly finished_total: number;
  readonly failed_total: number;
  readonly postponed_total: number;
  readonly lost_total: number;
  readonly last_error: string | null;
  readonly next: string;
}

/** `GET /debug/jobs`. */
export interface JobsPage {
  readonly generated_at: string;
  readonly stages: readonly StagePool[];
  readonly jobs: readonly Job[];
  readonly next_before: number | null;
  readonly last_error: string | null;
}

export interface FetchProgress {
  readonly business: string;
  readonly call_sid: string;
  readonly recording_sid: string;
  readonly phase: Phase;
  readonly received_bytes: number;
  readonly total_bytes: number | null;
}

export interface JobProgress {
  readonly id: number;
  readonly stage: StageName;
  readonly business: string;
  readonly call_sid: string;
  readonly attempt: number;
  readonly since: string;
  readonly progress: number;
}

/** The `progress` event: all that moves, a few times a second, when it has moved. */
export interface Progress {
  readonly fetches: readonly FetchProgress[];
  readonly jobs: readonly JobProgress[];
  readonly awake: Awake;
  readonly vault: { readonly copies: number; readonly bytes: number };
}
