// Peaks become lanes, and lanes tell where nobody speaks.

import { expect, test } from 'vitest';
import type { WaveformJson } from '../service/shapes.ts';
import { type Peaks, peaksOf, silences } from './peaks.ts';

test('peaks are the greatest deviation of each lane, from 0 to 1', () => {
  const json: WaveformJson = {
    channels: 2,
    sample_rate: 8_000,
    samples_per_pixel: 80,
    bits: 8,
    length: 2,
    data: [-64, 32, 0, 0, -128, 127, -1, 16],
    duration_seconds: 0.02,
  };
  expect(peaksOf(json)).toEqual({
    durationSeconds: 0.02,
    secondsPerPeak: 0.01,
    lanes: [Float32Array.of(0.5, 1), Float32Array.of(0, 0.125)],
  });
});

/** One peak each half second. */
function peaks(...lanes: readonly string[]): Peaks {
  const lane = (drawn: string) => Float32Array.from(drawn, (character) => (character === '_' ? 0.01 : 0.5));
  return { durationSeconds: 0, secondsPerPeak: 0.5, lanes: lanes.map(lane) };
}

test('a silence is long, and of all lanes', () => {
  expect(silences(peaks('##____##__##'))).toEqual([{ start: 1.25, end: 2.75 }]);
  expect(silences(peaks('##____##', '#___#___'))).toEqual([]);
  expect(silences(peaks('##______', '#____###'))).toEqual([{ start: 1.25, end: 2.25 }]);
});

test('there may be silence at either end, all through, or nothing at all', () => {
  expect(silences(peaks('___##____'))).toEqual([
    { start: 0.25, end: 1.25 },
    { start: 2.75, end: 4.25 },
  ]);
  expect(silences(peaks('____'))).toEqual([{ start: 0.25, end: 1.75 }]);
  expect(silences(peaks('#'))).toEqual([]);
  expect(silences(peaks(''))).toEqual([]);
  expect(silences(peaks())).toEqual([]);
});
