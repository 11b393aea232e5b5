// The second that plays, between two reports of it: audio elements tell it four times a second, words are shorter.

import type { ReactiveController, ReactiveControllerHost } from 'lit';

export interface Report {
  readonly second: number;
  readonly isRunning: boolean;
  readonly rate: number;
}

/** Past this without a report, the clock stands: better behind than ahead of the sound. */
const AHEAD_SECONDS_MAX = 0.5;

export function secondNow(report: Report, sinceMs: number): number {
  if (!report.isRunning) return report.second;
  return report.second + Math.min(AHEAD_SECONDS_MAX, Math.max(0, sinceMs / 1000)) * report.rate;
}

/** Tells its host the second with every frame while the sound runs, and once with every report. */
export class Pace implements ReactiveController {
  #report: Report = { second: 0, isRunning: false, rate: 1 };
  #atMs = 0;
  #frame = 0;
  readonly #moved: (second: number) => void;

  constructor(host: ReactiveControllerHost, moved: (second: number) => void) {
    this.#moved = moved;
    host.addController(this);
  }

  /** To be called as often as wanted: only what is new counts as a report. */
  tell(report: Report): void {
    const known = this.#report;
    const isNew = report.second !== known.second || report.isRunning !== known.isRunning || report.rate !== known.rate;
    if (isNew) {
      this.#report = report;
      this.#atMs = performance.now();
    }
    this.#moved(this.second);
    if (report.isRunning) this.#run();
  }

  get second(): number {
    return secondNow(this.#report, performance.now() - this.#atMs);
  }

  hostDisconnected(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  hostConnected(): void {
    if (this.#report.isRunning) this.#run();
  }

  #run(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.#report.isRunning) return;
      this.#moved(this.second);
      this.#run();
    });
  }
}
