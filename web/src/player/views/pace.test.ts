// The second between two reports.

import { expect, it } from 'vitest';
import { secondNow } from './pace.ts';

it('runs on with the sound, at its speed', () => {
  expect(secondNow({ second: 10, isRunning: true, rate: 1 }, 200)).toBeCloseTo(10.2);
  expect(secondNow({ second: 10, isRunning: true, rate: 2 }, 200)).toBeCloseTo(10.4);
});

it('stands while the sound does', () => {
  expect(secondNow({ second: 10, isRunning: false, rate: 1 }, 200)).toBe(10);
});

it('does not run away where no report comes', () => {
  expect(secondNow({ second: 10, isRunning: true, rate: 1 }, 60_000)).toBe(10.5);
  expect(secondNow({ second: 10, isRunning: true, rate: 1 }, -5)).toBe(10);
});
