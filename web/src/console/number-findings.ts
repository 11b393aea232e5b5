// What a number's calls were about, and what was agreed in them: asked for once, one after the other, and only of the
// calls that one sees first. Rows of the database: no audio is fetched and no actor is woken.

import type { Service } from '../service/service.ts';
import type { Appointment, Call, Summary } from '../service/shapes.ts';
import { bounded, problemOf } from './patience.ts';

export interface FindingsListener {
  summaries(found: ReadonlyMap<string, Summary | null>): void;
  appointments(found: readonly Appointment[]): void;
}

/** As many as fit on a screen; the others say it on their own page. */
export const SUMMARIES_MAX = 10;
const APPOINTMENTS_MAX = 200;
/** Each is tried again with the list's next answer; then it is left at what was found. */
const FAILURES_MAX = 3;

export class NumberFindings {
  #ending = new AbortController();
  #summaries = new Map<string, Summary | null>();
  #wanted: readonly string[] = [];
  #isAsking = false;
  #failures = 0;
  #hasAppointments = false;

  constructor(
    private readonly service: Pick<Service, 'json' | 'call'>,
    private readonly listener: FindingsListener,
  ) {}

  /** Newest first. Calls that were asked about already are not asked about again. */
  want(calls: readonly Call[]): void {
    this.#wanted = calls
      .filter((call) => call.recordings.length > 0)
      .slice(0, SUMMARIES_MAX)
      .map((call) => call.call_sid);
    if (!this.#isAsking && this.#failures < FAILURES_MAX) void this.#ask();
  }

  dispose(): void {
    this.#ending.abort();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      if (!this.#hasAppointments) await this.#askAppointments();
      for (let next = this.#next(); next !== undefined; next = this.#next()) await this.#askSummary(next);
    } catch {
      this.#failures++;
      // It is an addition to a list that says itself what is wrong.
    } finally {
      this.#isAsking = false;
    }
  }

  #next(): string | undefined {
    return this.#wanted.find((call) => !this.#summaries.has(call));
  }

  async #askSummary(call: string): Promise<void> {
    this.#summaries.set(call, await this.#summaryOf(call));
    this.listener.summaries(new Map(this.#summaries));
  }

  async #summaryOf(call: string): Promise<Summary | null> {
    try {
      return (await this.service.call(call, this.#signal())).summary;
    } catch (error) {
      // Erased meanwhile: that one is not asked about again, and the others still are.
      if (problemOf(error).status === 404) return null;
      throw error;
    }
  }

  async #askAppointments(): Promise<void> {
    const query = new URLSearchParams({ from: new Date().toISOString(), limit: String(APPOINTMENTS_MAX) });
    const path = `api/appointments?${query}`;
    const found = await this.service.json<{ appointments: readonly Appointment[] }>('GET', path, this.#signal());
    this.#hasAppointments = true;
    this.listener.appointments(found.appointments);
  }

  #signal(): AbortSignal {
    this.#ending.signal.throwIfAborted();
    return bounded(this.#ending.signal);
  }
}
