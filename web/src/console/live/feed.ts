// Keeps a board up to date: one stream of events, a snapshot when an event says that there is something to read.
//
// Invariant: one stream and one request of each kind at a time; all of it ends with `stop`.

import type { ServerEvent } from '../../service/event-stream.ts';
import { Problem } from '../../service/problem.ts';
import type { Service } from '../../service/service.ts';
import type { Change, JobFilter, Snapshot } from './board.ts';
import type { ActorsPage, Happening, JobsPage, LiveCall } from './shapes.ts';

const CALLS_LISTED = 200;
const JOBS_LISTED = 10;
/** Between two snapshots of a kind. */
export const SNAPSHOT_PAUSE_MS = 2000;
export const FAILING_PAUSE_MS = 10_000;
/** So long without an event, and it is asked whether the service is still there. */
export const SILENCE_MS = 60_000;
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 30_000;
/** About eight minutes; then somebody has to ask for it. */
export const RETRIES_MAX = 20;
/** Streams end by themselves after a while, as they should. */
const REOPEN_MS = 250;

export type Source = Pick<Service, 'followActors' | 'json'>;

export class Feed {
  private readonly stopping = new AbortController();
  private readonly due = new Set<Snapshot>();
  private readonly timers = new Map<Snapshot | 'silence', ReturnType<typeof setTimeout>>();
  private readonly reading = new Set<Snapshot>();
  private filter: JobFilter = 'all';
  private isOpen = false;
  private awake = -1;
  private jobsRunning = '';

  constructor(
    private readonly source: Source,
    private readonly tell: (change: Change) => void,
  ) {}

  start(): void {
    void this.follow();
  }

  stop(): void {
    this.stopping.abort();
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  list(filter: JobFilter): void {
    this.filter = filter;
    this.tell({ kind: 'filter', filter });
    // At once: whoever chose it looks at it.
    this.readJobs().then(this.tell, () => this.want('jobs', 0));
  }

  async more(before: number): Promise<void> {
    const { filter } = this;
    const page = await this.source.json<JobsPage>('GET', `${jobsPath(filter)}&before=${before}`, this.signal);
    this.tell({ kind: 'more-jobs', page, filter });
  }

  /** Soon, unless it was just read: then when its pause is over. */
  refresh(): void {
    this.want('actors', 0);
    this.want('jobs', 0);
  }

  /** Ends when the feed is stopped, refused, or given up. */
  private async follow(): Promise<void> {
    this.refresh();
    let failed = 0;
    while (!this.signal.aborted) {
      let pauseMs = REOPEN_MS;
      try {
        await this.source.followActors(this.signal, (event) => {
          if (failed >= 0) this.opened();
          failed = -1;
          this.hear(event);
        });
        // A stream that ends before it says anything is no stream.
        failed = failed < 0 ? 0 : failed + 1;
        if (failed > 0) pauseMs = backoffMs(failed);
      } catch (error) {
        if (this.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem(0, 'offline');
        if (isRefusal(problem)) {
          this.tell({ kind: 'link', link: { kind: 'refused', status: problem.status } });
          return;
        }
        failed = Math.max(0, failed) + 1;
        pauseMs = Math.max(backoffMs(failed), problem.retryAfterMs ?? 0);
      }
      this.isOpen = false;
      this.silent(false);
      if (failed > RETRIES_MAX) {
        this.tell({ kind: 'link', link: { kind: 'given-up' } });
        return;
      }
      if (failed > 0) this.tell({ kind: 'link', link: { kind: 'lost', retryAtMs: Date.now() + pauseMs } });
      await pause(pauseMs, this.signal);
    }
  }

  private opened(): void {
    this.isOpen = true;
    this.tell({ kind: 'link', link: { kind: 'live' } });
    this.refresh();
  }

  private hear(event: ServerEvent): void {
    this.silent(true);
    const change = changeOf(event);
    if (change === null) return;
    if (change === 'lagged') {
      this.refresh();
      return;
    }
    this.tell(change);
    if (change.kind === 'happening') {
      this.want('jobs', SNAPSHOT_PAUSE_MS / 2);
      if (change.happening.event !== 'stage') this.want('actors', SNAPSHOT_PAUSE_MS / 2);
    }
    if (change.kind === 'progress') this.compare(change.progress.awake.live, change.progress.jobs);
  }

  /** Calls that wake and rest, and jobs that are taken up, are seen by their number. */
  private compare(live: number, jobs: readonly { id: number }[]): void {
    const running = jobs.map((job) => job.id).join();
    if (live !== this.awake) this.want('actors', SNAPSHOT_PAUSE_MS / 2);
    if (running !== this.jobsRunning) this.want('jobs', SNAPSHOT_PAUSE_MS / 2);
    this.awake = live;
    this.jobsRunning = running;
  }

  private want(snapshot: Snapshot, inMs: number): void {
    if (this.signal.aborted) return;
    if (this.reading.has(snapshot) || this.timers.has(snapshot)) {
      this.due.add(snapshot);
      return;
    }
    this.timers.set(
      snapshot,
      setTimeout(() => void this.read(snapshot), inMs),
    );
  }

  private async read(snapshot: Snapshot): Promise<void> {
    this.due.delete(snapshot);
    this.reading.add(snapshot);
    let failing = false;
    try {
      this.tell(snapshot === 'actors' ? await this.readActors() : await this.readJobs());
    } catch {
      failing = true;
      // Without a stream, it is read when there is one again.
      if (this.isOpen) this.due.add(snapshot);
    }
    this.reading.delete(snapshot);
    if (this.signal.aborted) return;
    this.tell({ kind: 'unread', snapshot, failing });
    const again = () => {
      this.timers.delete(snapshot);
      if (this.due.has(snapshot)) this.want(snapshot, 0);
    };
    this.timers.set(snapshot, setTimeout(again, failing ? FAILING_PAUSE_MS : SNAPSHOT_PAUSE_MS));
  }

  /** Where not all can be listed, those that an operator looks for are asked for by name. */
  private async readActors(): Promise<Change> {
    const ask = (query: string) => this.source.json<ActorsPage>('GET', `debug/actors?${query}`, this.signal);
    const page = await ask(`limit=${CALLS_LISTED}`);
    const atMs = Date.now();
    if (page.calls_more === 0) return { kind: 'actors', page, atMs };
    const [downloading, failed] = [await ask('state=downloading&limit=50'), await ask('state=failed&limit=50')];
    const calls = new Map<string, LiveCall>();
    for (const call of [...downloading.calls, ...failed.calls, ...page.calls]) calls.set(call.call_sid, call);
    return { kind: 'actors', page: { ...page, calls: [...calls.values()] }, atMs };
  }

  private async readJobs(): Promise<Change> {
    const { filter } = this;
    return { kind: 'jobs', page: await this.source.json<JobsPage>('GET', jobsPath(filter), this.signal), filter };
  }

  private silent(watch: boolean): void {
    clearTimeout(this.timers.get('silence'));
    this.timers.delete('silence');
    if (!watch || this.signal.aborted) return;
    const check = () => {
      this.refresh();
      this.silent(true);
    };
    this.timers.set('silence', setTimeout(check, SILENCE_MS));
  }
}

function jobsPath(filter: JobFilter): string {
  return `debug/jobs?limit=${JOBS_LISTED}${filter === 'all' ? '' : `&state=${filter}`}`;
}

/** Who is not let in now will not be by asking again. */
function isRefusal(problem: Problem): boolean {
  return [401, 403, 404, 410].includes(problem.status);
}

export function backoffMs(failed: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (failed - 1));
}

/** Null for events that we do not know. */
export function changeOf(event: ServerEvent): Change | 'lagged' | null {
  const data: unknown = parsed(event.data);
  if (typeof data !== 'object' || data === null) return null;
  switch (event.name) {
    case 'state':
    case 'stage':
    case 'crash':
    case 'ended':
    case 'restarted':
      return { kind: 'happening', happening: { ...data, event: event.name } as Happening };
    case 'pool':
      return { kind: 'pool', pool: data as (Change & { kind: 'pool' })['pool'] };
    case 'progress':
      return { kind: 'progress', progress: data as (Change & { kind: 'progress' })['progress'] };
    case 'lagged':
      return 'lagged';
    default:
      return null;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener('abort', over);
  });
}
