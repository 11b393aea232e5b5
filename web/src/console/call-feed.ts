// One list of calls, kept fresh while somebody looks at it. Asks for rows only: no audio, and no actor is woken.

import type { Problem } from '../service/problem.ts';
import type { Service } from '../service/service.ts';
import type { CallPage } from '../service/shapes.ts';
import { EMPTY, type ListState, moreAsked, moreFailed, newestArrived, olderArrived } from './list-state.ts';
import { bounded, problemOf } from './patience.ts';
import { Poller, type Visibility } from './poller.ts';

export interface FeedListener {
  changed(feed: CallFeed, before: ListState): void;
  /** Null once it answers again. */
  troubled(problem: Problem | null): void;
}

const PAGE_CALLS = '50';
const EVERY_MS = 5000;

export class CallFeed {
  state: ListState = EMPTY;
  /** The service refuses what it is asked for, and will again. */
  isRefused = false;
  #poller: Poller;
  #more: AbortController | null = null;

  constructor(
    private readonly service: Pick<Service, 'calls'>,
    /** Filters, as `GET /api/calls` takes them. */
    private readonly query: URLSearchParams,
    private readonly listener: FeedListener,
    page?: Visibility,
  ) {
    const options = {
      everyMs: EVERY_MS,
      ask: (signal: AbortSignal) => this.#askNewest(signal),
      failed: (problem: Problem) => this.#failed(problem),
    };
    this.#poller = page === undefined ? new Poller(options) : new Poller(options, page);
  }

  start(): void {
    if (!this.isRefused) this.#poller.start();
  }

  stop(): void {
    this.#poller.stop();
    this.#more?.abort();
    this.#more = null;
    if (this.state.more === 'loading') this.#become({ ...this.state, more: 'idle' });
  }

  async loadMore(): Promise<void> {
    const { cursor, more } = this.state;
    if (cursor === null || more === 'loading') return;
    const request = new AbortController();
    this.#more = request;
    this.#become(moreAsked(this.state));
    try {
      const page = await this.#ask(bounded(request.signal), cursor);
      if (!request.signal.aborted) this.#become(olderArrived(this.state, page, cursor));
    } catch (error) {
      if (request.signal.aborted) return;
      this.#become(moreFailed(this.state));
      const problem = problemOf(error);
      if (problem.status === 401) this.listener.troubled(problem);
    }
  }

  async #askNewest(signal: AbortSignal): Promise<void> {
    const page = await this.#ask(signal, null);
    signal.throwIfAborted();
    this.listener.troubled(null);
    this.#become(newestArrived(this.state, page));
  }

  #ask(signal: AbortSignal, cursor: string | null): Promise<CallPage> {
    const query = new URLSearchParams(this.query);
    query.set('limit', PAGE_CALLS);
    if (cursor !== null) query.set('cursor', cursor);
    return this.service.calls(query, signal);
  }

  #failed(problem: Problem): boolean {
    this.isRefused = problem.status === 400;
    if (this.isRefused) this.#become({ calls: [], cursor: null, more: 'idle' });
    this.listener.troubled(this.isRefused ? null : problem);
    return !this.isRefused && problem.status !== 401;
  }

  #become(state: ListState): void {
    const before = this.state;
    this.state = state;
    this.listener.changed(this, before);
  }
}
