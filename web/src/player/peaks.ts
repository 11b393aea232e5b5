// Peaks as lanes, and what follows from them: pure.

import type { WaveformJson } from '../service/shapes.ts';
import type { Span } from './state.ts';

export interface Peaks {
  readonly durationSeconds: number;
  readonly secondsPerPeak: number;
  /** One for each channel: the greatest deviation of each peak, from 0 to 1. */
  readonly lanes: readonly Float32Array[];
}

export function peaksOf(json: WaveformJson): Peaks {
  const { channels, length, data, bits } = json;
  const full = 2 ** (bits - 1);
  const lanes = Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length }, (_, index) => {
      const at = (index * channels + channel) * 2;
      return Math.min(1, Math.max(Math.abs(data[at] ?? 0), Math.abs(data[at + 1] ?? 0)) / full);
    }),
  );
  return { durationSeconds: json.duration_seconds, secondsPerPeak: json.samples_per_pixel / json.sample_rate, lanes };
}

/** Below this nobody speaks; a telephone line's own noise is. */
const SILENT = 0.03;
/** Shorter pauses belong to speech. */
const SILENCE_SECONDS_MIN = 1.5;
/** Left standing at either end, so that no word loses its beginning. */
const MARGIN_SECONDS = 0.25;

/** Where nobody speaks in any lane, in order: what may be skipped. */
export function silences({ lanes, secondsPerPeak }: Peaks): readonly Span[] {
  const found: Span[] = [];
  const length = lanes[0]?.length ?? 0;
  let from = 0;
  for (let index = 0; index <= length; index++) {
    if (index < length && lanes.every((lane) => (lane[index] ?? 0) < SILENT)) continue;
    const [start, end] = [from * secondsPerPeak, index * secondsPerPeak];
    if (end - start >= SILENCE_SECONDS_MIN) found.push({ start: start + MARGIN_SECONDS, end: end - MARGIN_SECONDS });
    from = index + 1;
  }
  return found;
}
