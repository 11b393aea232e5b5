// Where what is on a waveform: pure. Time runs from left to right, whatever the language.

import type { Span } from '../state.ts';

/** How wide a bar is with the gap after it, in CSS pixels. */
export const BAR_STEP = 3;
export const BAR_WIDTH = 2;
/** Quieter calls are drawn larger, but noise alone does not become speech. */
const LOUDEST_MIN = 0.25;

/** The height of each bar from 0 to 1: the loudest of the peaks it stands for. */
export function barsOf(peaks: Float32Array, count: number, full: number): Float32Array {
  const bars = new Float32Array(Math.max(0, count));
  for (let bar = 0; bar < bars.length; bar++) {
    const from = Math.floor((bar * peaks.length) / bars.length);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / bars.length));
    for (let index = from; index < to; index++) bars[bar] = Math.max(bars[bar] ?? 0, (peaks[index] ?? 0) / full);
  }
  return bars;
}

/** The same for all lanes, so that who speaks louder looks louder. */
export function loudestOf(lanes: readonly Float32Array[]): number {
  let loudest = LOUDEST_MIN;
  for (const lane of lanes) for (const peak of lane) loudest = Math.max(loudest, peak);
  return loudest;
}

/** A calm line of bars for as long as nothing is known: always the same. */
export function placeholderBars(count: number): Float32Array {
  return Float32Array.from({ length: Math.max(0, count) }, (_, bar) => 0.1 + 0.07 * Math.sin(bar / 4) ** 2);
}

export function secondAt(x: number, width: number, durationSeconds: number): number {
  return width <= 0 ? 0 : share(x, width) * durationSeconds;
}

/** From 0 to 1. */
export function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.max(0, Math.min(1, part / whole));
}

export function isWithin(spans: readonly Span[], second: number): boolean {
  return spans.some(({ start, end }) => start <= second && second <= end);
}
