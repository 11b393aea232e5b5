// What the page knows of the actors: the last snapshot, and what was told since. Pure: (board, change) → board.
//
// Invariant: bounded. Of events the last 50 are kept, of failures the last 100, of calls what the service listed.

import type {
  ActorsPage,
  Failure,
  Happening,
  Job,
  JobProgress,
  JobState,
  JobsPage,
  LiveCall,
  LiveRecording,
  Pool,
  Progress,
  TreeNode,
} from './shapes.ts';

export const EVENTS_MAX = 50;
export const FAILURES_MAX = 100;
const CALLS_MAX = 600;

/** How the stream stands. `lost` is tried again, the next two are not. */
export type Link =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly retryAtMs: number }
  | { readonly kind: 'given-up' }
  | { readonly kind: 'refused'; readonly status: number };

export type Snapshot = 'actors' | 'jobs';
export type JobFilter = JobState | 'all';

export interface Numbered {
  readonly id: number;
  readonly happening: Happening;
}

export interface Board {
  readonly link: Link;
  /** The service's clock less ours. */
  readonly clockAheadMs: number;
  /** What could not be read when it was last tried. */
  readonly unread: readonly Snapshot[];
  /** False until the first snapshot. */
  readonly known: boolean;
  readonly tree: readonly TreeNode[];
  readonly calls: readonly LiveCall[];
  /** As many are awake, of which `calls` may show some. */
  readonly callsTotal: number;
  readonly listeners: number;
  readonly failures: readonly Failure[];
  /** Null until the first snapshot of the jobs; `filter` is what the list was asked for. */
  readonly jobs: JobsPage | null;
  readonly jobsFilter: JobFilter;
  readonly running: readonly JobProgress[];
  /** Newest first. */
  readonly events: readonly Numbered[];
  /** The list of events stands still; how many came since. */
  readonly paused: boolean;
  readonly held: readonly Numbered[];
  readonly eventsTotal: number;
}

export type Change =
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'actors'; readonly page: ActorsPage; readonly atMs: number }
  | { readonly kind: 'jobs'; readonly page: JobsPage; readonly filter: JobFilter }
  | { readonly kind: 'more-jobs'; readonly page: JobsPage; readonly filter: JobFilter }
  | { readonly kind: 'unread'; readonly snapshot: Snapshot; readonly failing: boolean }
  | { readonly kind: 'job'; readonly job: Job }
  | { readonly kind: 'recording'; readonly call: string; readonly recording: LiveRecording }
  | { readonly kind: 'filter'; readonly filter: JobFilter }
  | { readonly kind: 'pause'; readonly paused: boolean }
  | { readonly kind: 'happening'; readonly happening: Happening }
  | { readonly kind: 'pool'; readonly pool: Pool }
  | { readonly kind: 'progress'; readonly progress: Progress };

export const EMPTY: Board = {
  link: { kind: 'connecting' },
  clockAheadMs: 0,
  unread: [],
  known: false,
  tree: [],
  calls: [],
  callsTotal: 0,
  listeners: 0,
  failures: [],
  jobs: null,
  jobsFilter: 'all',
  running: [],
  events: [],
  paused: false,
  held: [],
  eventsTotal: 0,
};

export function reduce(board: Board, change: Change): Board {
  switch (change.kind) {
    case 'link':
      return { ...board, link: change.link };
    case 'actors':
      return withActors(board, change.page, change.atMs);
    case 'jobs':
      return change.filter === board.jobsFilter ? { ...board, jobs: keepMore(board.jobs, change.page) } : board;
    case 'more-jobs':
      return change.filter === board.jobsFilter ? { ...board, jobs: withMore(board.jobs, change.page) } : board;
    case 'unread': {
      const others = board.unread.filter((other) => other !== change.snapshot);
      return { ...board, unread: change.failing ? [...others, change.snapshot] : others };
    }
    case 'job':
      return { ...board, jobs: withJob(board.jobs, change.job) };
    case 'recording':
      return { ...board, calls: withRecording(board.calls, change.call, change.recording) };
    case 'filter':
      return {
        ...board,
        jobsFilter: change.filter,
        jobs: board.jobs && { ...board.jobs, jobs: [], next_before: null },
      };
    case 'pause':
      return change.paused
        ? { ...board, paused: true }
        : { ...board, paused: false, held: [], events: [...board.held, ...board.events].slice(0, EVENTS_MAX) };
    case 'happening':
      return withHappening(board, change.happening);
    case 'pool':
      return { ...board, tree: withDetail(board.tree, 'fetcher', change.pool) };
    case 'progress':
      return withProgress(board, change.progress);
  }
}

/** By the service's clock. */
export function serverNowMs(board: Board, nowMs: number): number {
  return nowMs + board.clockAheadMs;
}

/** What a snapshot knows of a recording may be older than what an event told meanwhile. */
function withActors(board: Board, page: ActorsPage, atMs: number): Board {
  const generatedMs = Date.parse(page.generated_at);
  const known = new Map(board.calls.map((call) => [keyOf(call), call]));
  const calls = page.calls.map((call) => {
    const told = known.get(keyOf(call))?.recordings ?? [];
    const newest = (one: LiveRecording) =>
      told.find((other) => other.recording_sid === one.recording_sid && isNewer(other, one)) ?? one;
    return { ...call, recordings: call.recordings.map(newest) };
  });
  const later = board.failures.filter((failure) => Date.parse(failure.at) > generatedMs);
  return {
    ...board,
    known: true,
    clockAheadMs: generatedMs - atMs,
    tree: page.tree,
    calls,
    callsTotal: Math.max(page.calls_total, calls.length),
    listeners: page.listeners,
    failures: later.reduceRight<readonly Failure[]>(put, page.failures),
  };
}

function isNewer(one: LiveRecording, other: LiveRecording): boolean {
  return one.state !== other.state && Date.parse(one.since) > Date.parse(other.since);
}

function withHappening(board: Board, happening: Happening): Board {
  const one = { id: board.eventsTotal, happening };
  const counted = { ...board, eventsTotal: board.eventsTotal + 1 };
  const listed: Board = board.paused
    ? { ...counted, held: [one, ...board.held].slice(0, EVENTS_MAX) }
    : { ...counted, events: [one, ...board.events].slice(0, EVENTS_MAX) };
  const failures = isFailure(happening) ? put(board.failures, countedOf(board.failures, happening)) : board.failures;
  return { ...listed, failures, ...effectOf(board, happening) };
}

function effectOf(board: Board, happening: Happening): Partial<Board> {
  switch (happening.event) {
    case 'state':
      return { calls: withState(board.calls, happening) };
    case 'stage':
      return happening.state === 'running'
        ? {}
        : { running: board.running.filter((running) => running.id !== happening.job) };
    case 'ended':
      return {
        tree: board.tree.map((node) =>
          node.name === happening.actor
            ? {
                ...node,
                state: 'restarting',
                since: happening.at,
                restarts: happening.restarts,
                last_error: happening.error,
              }
            : node,
        ),
      };
    case 'restarted':
      return {
        tree: board.tree.map((node) =>
          node.name === happening.actor ? { ...node, state: 'running', since: happening.at } : node,
        ),
      };
    case 'crash':
      return {};
  }
}

function withState(calls: readonly LiveCall[], told: Happening & { event: 'state' }): readonly LiveCall[] {
  const { business, call_sid, at, recording } = told;
  if (calls.some((call) => keyOf(call) === keyOf(told))) {
    return calls.map((call) => (keyOf(call) === keyOf(told) ? { ...call, ...one(call, recording) } : call));
  }
  const woken = {
    business,
    call_sid,
    live: true,
    since: at,
    restarts: 0,
    last_error: null,
    asks: 0,
    waiting: 0,
    recordings: [recording],
  };
  return [...calls, woken].slice(-CALLS_MAX);
}

function one(call: LiveCall, recording: LiveRecording): Pick<LiveCall, 'recordings'> {
  const others = call.recordings.filter((other) => other.recording_sid !== recording.recording_sid);
  const known = others.length < call.recordings.length;
  return {
    recordings: known
      ? call.recordings.map((other) => (other.recording_sid === recording.recording_sid ? recording : other))
      : [...call.recordings, recording],
  };
}

function withRecording(calls: readonly LiveCall[], sid: string, recording: LiveRecording): readonly LiveCall[] {
  return calls.map((call) => (call.call_sid === sid ? { ...call, ...one(call, recording) } : call));
}

function withProgress(board: Board, progress: Progress): Board {
  const bySid = new Map(progress.fetches.map((fetch) => [fetch.recording_sid, fetch]));
  const calls = bySid.size === 0 ? board.calls : board.calls.map((call) => moved(call, bySid));
  const tree = withDetail(withDetail(board.tree, 'recordings', progress.awake), 'vault-keeper', progress.vault);
  return { ...board, calls, tree, running: progress.jobs };
}

/** Only what is being fetched as far as we know: what has ended meanwhile does not begin anew. */
function moved(call: LiveCall, bySid: ReadonlyMap<string, Progress['fetches'][number]>): LiveCall {
  if (!call.recordings.some((recording) => bySid.has(recording.recording_sid))) return call;
  const recordings = call.recordings.map((recording) => {
    const fetch = bySid.get(recording.recording_sid);
    if (fetch === undefined || recording.state !== 'downloading') return recording;
    const { phase, received_bytes, total_bytes } = fetch;
    return { ...recording, phase, received_bytes, total_bytes };
  });
  return { ...call, recordings };
}

function withDetail(tree: readonly TreeNode[], name: string, news: object): readonly TreeNode[] {
  return tree.map((node) => (node.name === name ? { ...node, detail: { ...node.detail, ...news } } : node));
}

/** A refreshed first page does not take away the further ones that were asked for. */
function keepMore(known: JobsPage | null, page: JobsPage): JobsPage {
  const last = page.jobs.at(-1);
  if (known === null || last === undefined || page.next_before === null) return page;
  const further = known.jobs.filter((job) => job.id < last.id);
  return further.length === 0 ? page : { ...page, jobs: [...page.jobs, ...further], next_before: known.next_before };
}

function withMore(known: JobsPage | null, page: JobsPage): JobsPage {
  const have = new Set(known?.jobs.map((job) => job.id));
  return { ...page, jobs: [...(known?.jobs ?? []), ...page.jobs.filter((job) => !have.has(job.id))] };
}

function withJob(page: JobsPage | null, changed: Job): JobsPage | null {
  return page && { ...page, jobs: page.jobs.map((job) => (job.id === changed.id ? changed : job)) };
}

export function isFailure(happening: Happening): boolean {
  switch (happening.event) {
    case 'state':
      return happening.recording.state === 'failed';
    case 'stage':
      return happening.error !== null;
    case 'crash':
    case 'ended':
      return true;
    case 'restarted':
      return false;
  }
}

/** What a failure is of: the same thing failing again is one failure more often. */
export function subjectOf(happening: Happening): string {
  switch (happening.event) {
    case 'state':
      return `recording ${keyOf(happening)}/${happening.recording.recording_sid}`;
    case 'stage':
      return `job ${happening.job}`;
    case 'crash':
      return `call ${keyOf(happening)}`;
    case 'ended':
    case 'restarted':
      return `actor ${happening.actor}`;
  }
}

function countedOf(failures: readonly Failure[], happening: Happening): Failure {
  const before = failures.find((failure) => subjectOf(failure) === subjectOf(happening));
  return { ...happening, times: (before?.times ?? 0) + 1, first_at: before?.first_at ?? happening.at };
}

function put(failures: readonly Failure[], failure: Failure): readonly Failure[] {
  const others = failures.filter((other) => subjectOf(other) !== subjectOf(failure));
  return [failure, ...others].slice(0, FAILURES_MAX);
}

export function keyOf(call: { readonly business: string; readonly call_sid: string }): string {
  return `${call.business}/${call.call_sid}`;
}
