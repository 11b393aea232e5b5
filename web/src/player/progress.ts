// How far a recording is on its way to us, from what the service says of it: pure.

import type { Preparing, RecordingStatus } from '../service/shapes.ts';
import { END_EARLY_SECONDS, END_EARLY_SHARE } from './patience.ts';
import type { Progress } from './state.ts';

/** Null once it is here, or never will be. */
export function progressOf(status: RecordingStatus, durationSeconds: number | null): Progress | null {
  if (isFinal(status)) return null;
  const { phase, attempt, received_bytes: receivedBytes, total_bytes: totalBytes, reason, retry_at } = status;
  const receivedSeconds = secondsOf(receivedBytes, totalBytes, durationSeconds);
  return { phase, attempt, receivedBytes, totalBytes, receivedSeconds, reason, retryAtMs: momentOf(retry_at) };
}

/** The same from the answer to a check, which says less. */
export function progressOfCheck(preparing: Preparing, durationSeconds: number | null): Progress {
  const { attempt, received_bytes: receivedBytes, total_bytes: totalBytes } = preparing;
  const receivedSeconds = secondsOf(receivedBytes, totalBytes, durationSeconds);
  return { phase: null, attempt, receivedBytes, totalBytes, receivedSeconds, reason: null, retryAtMs: null };
}

/** Nothing more becomes of it by itself. */
export function isFinal({ state }: RecordingStatus): boolean {
  return state === 'ready' || state === 'gone';
}

/** Whether a check would be answered with bytes, or with why there never will be any. */
export function isWorthChecking(status: RecordingStatus): boolean {
  const arrives = status.phase === 'receiving' || status.phase === 'sealing';
  return isFinal(status) || (arrives && status.total_bytes !== null && status.received_bytes > 0);
}

/** It is measured only once all of it is here: until then, what was announced has to do. */
export function leastSecondsOf(measuredSeconds: number | null, announcedSeconds: number | null): number | null {
  if (measuredSeconds !== null) return measuredSeconds - END_EARLY_SECONDS;
  if (announcedSeconds === null) return null;
  return announcedSeconds - Math.max(END_EARLY_SECONDS, announcedSeconds * END_EARLY_SHARE);
}

function secondsOf(receivedBytes: number, totalBytes: number | null, durationSeconds: number | null): number | null {
  if (totalBytes === null || totalBytes <= 0 || durationSeconds === null) return null;
  return Math.min(1, receivedBytes / totalBytes) * durationSeconds;
}

function momentOf(at: string | null): number | null {
  const ms = at === null ? Number.NaN : Date.parse(at);
  return Number.isNaN(ms) ? null : ms;
}
