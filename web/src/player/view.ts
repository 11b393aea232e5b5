// The state that views see, from the parts of a store. What has not changed stays the same object.

import type { CallDetails, Preparing, RecordingStatus, Stage, Transcript } from '../service/shapes.ts';
import { type Life, playbackOf, wantsSound } from './life.ts';
import type { Peaks } from './peaks.ts';
import { progressOf, progressOfCheck } from './progress.ts';
import type { Change, Finding, PlayerState, Progress, Sound, Span, Timeline } from './state.ts';

export interface Parts {
  readonly recording: string | null;
  readonly life: Life;
  readonly durationSeconds: number | null;
  readonly buffered: readonly Span[];
  /** By `/events`; null until it has said something. */
  readonly status: RecordingStatus | null;
  /** By the last check that was too early. */
  readonly preparing: Preparing | null;
  readonly sound: Sound;
  readonly waveform: Finding<Peaks>;
  readonly transcript: Finding<Transcript>;
  readonly details: Finding<CallDetails>;
  readonly stages: readonly Stage[];
  readonly change: Change | null;
  readonly isLink: boolean;
}

export function createView(): (parts: Parts) => PlayerState {
  const playback = kept(playbackOf);
  const timeline = kept((next: Timeline): Timeline => next);
  const progress = kept(progressNow);
  const may = kept(({ isLink }: Pick<Parts, 'isLink'>) => ({ download: !isLink, correct: !isLink, decide: !isLink }));
  return ({ life, durationSeconds, buffered, status, preparing, isLink, details, ...rest }) => ({
    playback: playback({ stage: life.stage }),
    wantsSound: wantsSound(life),
    progress: progress({ status, preparing, durationSeconds }),
    timeline: timeline({ second: life.second, durationSeconds, buffered, hasEnded: life.hasEnded }),
    details: details.kind === 'found' ? details.value : null,
    may: may({ isLink }),
    ...rest,
  });
}

/** The stream of events knows more than a check, and later. */
function progressNow({
  status,
  preparing,
  durationSeconds,
}: Pick<Parts, 'status' | 'preparing' | 'durationSeconds'>): Progress | null {
  if (status !== null) return progressOf(status, durationSeconds);
  return preparing === null ? null : progressOfCheck(preparing, durationSeconds);
}

/** Makes anew only what is made of something else than the last time. */
function kept<From extends object, To>(make: (from: From) => To): (from: From) => To {
  let last: { readonly from: From; readonly to: To } | null = null;
  return (from) => {
    const isSame =
      last !== null && Object.entries(from).every(([key, value]) => Reflect.get(last?.from ?? {}, key) === value);
    if (last === null || !isSame) last = { from, to: make(from) };
    return last.to;
  };
}
