// Asks again and again while the page is visible: one request at a time, given up when hidden, backing off when it fails.

import type { Problem } from '../service/problem.ts';
import { bounded, problemOf } from './patience.ts';

export interface PollerOptions {
  readonly everyMs: number;
  ask(signal: AbortSignal): Promise<void>;
  /** Hears of each failure; answers whether to go on. */
  failed(problem: Problem): boolean;
}

/** What of a document is looked at. */
export type Visibility = Pick<Document, 'hidden' | 'addEventListener' | 'removeEventListener'>;

const PAUSE_MS_MAX = 30_000;

export class Poller {
  #isWanted = false;
  #request: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor(
    private readonly options: PollerOptions,
    private readonly page: Visibility = document,
  ) {}

  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#failures = 0;
    this.page.addEventListener('visibilitychange', this.#looked);
    this.askNow();
  }

  stop(): void {
    this.#isWanted = false;
    this.page.removeEventListener('visibilitychange', this.#looked);
    this.#pause();
  }

  /** Asks at once, whatever was under way. */
  askNow(): void {
    this.#pause();
    if (this.#isWanted && !this.page.hidden) void this.#round();
  }

  #looked = (): void => (this.page.hidden ? this.#pause() : this.askNow());

  #pause(): void {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = null;
  }

  async #round(): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    const pauseMs = await this.#askOnce(request.signal);
    if (this.#request !== request) return;
    this.#request = null;
    if (this.#isWanted && !this.page.hidden) this.#timer = setTimeout(() => void this.#round(), pauseMs);
  }

  /** How long to pause then. */
  async #askOnce(signal: AbortSignal): Promise<number> {
    const { everyMs, ask, failed } = this.options;
    try {
      await ask(bounded(signal));
      this.#failures = 0;
      return everyMs;
    } catch (error) {
      if (signal.aborted) return everyMs;
      this.#failures += 1;
      const problem = problemOf(error);
      if (!failed(problem)) this.stop();
      return Math.max(problem.retryAfterMs ?? 0, Math.min(PAUSE_MS_MAX, everyMs * 2 ** this.#failures));
    }
  }
}
