// Where bars and seconds are.

import { describe, expect, it } from 'vitest';
import { barsOf, isWithin, loudestOf, placeholderBars, secondAt, share } from './waveform-geometry.ts';

describe('barsOf', () => {
  it('shows the loudest of what a bar stands for', () => {
    expect([...barsOf(Float32Array.of(0, 0.5, 0.25, 0, 0, 1), 3, 1)]).toEqual([0.5, 0.25, 1]);
    expect([...barsOf(Float32Array.of(0.25, 0.5), 1, 0.5)]).toEqual([1]);
  });

  it('repeats peaks where there are more bars', () => {
    expect([...barsOf(Float32Array.of(0.5, 1), 4, 1)]).toEqual([0.5, 0.5, 1, 1]);
  });

  it('leaves no peak out, however they divide', () => {
    for (const count of [1, 7, 99, 100]) {
      const peaks = new Float32Array(100);
      for (let index = 0; index < 100; index++) {
        peaks.fill(0)[index] = 1;
        expect(Math.max(...barsOf(peaks, count, 1))).toBe(1);
      }
    }
  });

  it('is silent where there is nothing, and nothing where there is no room', () => {
    expect([...barsOf(new Float32Array(), 2, 1)]).toEqual([0, 0]);
    expect(barsOf(Float32Array.of(1), 0, 1)).toHaveLength(0);
    expect(barsOf(Float32Array.of(1), -3, 1)).toHaveLength(0);
    expect(placeholderBars(-1)).toHaveLength(0);
  });
});

it('measures all lanes by the loudest of them, but does not blow up a hum', () => {
  expect(loudestOf([Float32Array.of(0.5), Float32Array.of(0.75)])).toBe(0.75);
  expect(loudestOf([Float32Array.of(0.01)])).toBe(0.25);
  expect(loudestOf([])).toBe(0.25);
});

it('turns places into seconds, and stays within the call', () => {
  expect(secondAt(50, 200, 60)).toBe(15);
  expect(secondAt(-5, 200, 60)).toBe(0);
  expect(secondAt(500, 200, 60)).toBe(60);
  expect(secondAt(5, 0, 60)).toBe(0);
  expect(share(3, 0)).toBe(0);
});

it('knows what is buffered', () => {
  const spans = [
    { start: 0, end: 5 },
    { start: 10, end: 12 },
  ];
  expect([0, 5, 7, 11, 13].map((second) => isWithin(spans, second))).toEqual([true, true, false, true, false]);
});
