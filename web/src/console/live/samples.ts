// Samples of what `/debug` says, for tests.

import type { ActorsPage, Happening, Job, JobsPage, LiveCall, LiveRecording } from './shapes.ts';

export const T0 = Date.parse('2026-01-01T10:00:00Z');

/** So many seconds after `T0`. */
export const time = (seconds: number): string => new Date(T0 + seconds * 1000).toISOString();

export function recording(over: Partial<LiveRecording>): LiveRecording {
  return {
    recording_sid: 'RE1',
    state: 'absent',
    since: time(0),
    phase: null,
    intent: null,
    attempt: 0,
    received_bytes: null,
    total_bytes: null,
    waiting: 0,
    retry_at: null,
    reason: null,
    remedy: null,
    next: 'fetched when somebody asks for it',
    ...over,
  };
}

export function call(over: Partial<LiveCall>): LiveCall {
  return {
    business: 'acme',
    call_sid: 'CA1',
    live: true,
    since: time(0),
    restarts: 0,
    last_error: null,
    asks: 0,
    waiting: 0,
    recordings: [recording({})],
    ...over,
  };
}

export function actorsPage(over: Partial<ActorsPage>): ActorsPage {
  const calls = over.calls ?? [];
  return {
    generated_at: time(0),
    tree: [],
    calls,
    calls_total: calls.length,
    calls_more: 0,
    failures: [],
    listeners: 0,
    ...over,
  };
}

export function job(over: Partial<Job>): Job {
  return {
    id: 1,
    stage: 'transcribe',
    state: 'done',
    business: 'acme',
    call_sid: 'CA1',
    recording_sid: 'RE1',
    attempt: 1,
    progress: null,
    run_at: time(0),
    lease_until: null,
    last_error: null,
    result: null,
    created_at: time(0),
    finished_at: null,
    next: 'nothing',
    ...over,
  };
}

export function jobsPage(jobs: readonly Job[], next_before: number | null = null): JobsPage {
  return { generated_at: time(0), stages: [], jobs, next_before, last_error: null };
}

export function failed(over: Partial<Happening & { event: 'state' }>): Happening {
  return {
    event: 'state',
    at: time(1),
    business: 'acme',
    call_sid: 'CA1',
    from: 'downloading',
    recording: recording({ state: 'failed', since: over.at ?? time(1), reason: 'the source answered 503' }),
    ...over,
  };
}
