// Keys move through rows, and stop at the ends.

import { expect, it } from 'vitest';
import { rowFor } from './roving.ts';

it.each([
  ['ArrowDown', 0, 3, 1],
  ['j', 1, 3, 2],
  ['j', 2, 3, 2],
  ['ArrowDown', -1, 3, 0],
  ['k', -1, 3, 0],
  ['ArrowUp', 2, 3, 1],
  ['k', 0, 3, 0],
  ['Home', 2, 3, 0],
  ['End', 0, 3, 2],
  ['PageDown', 0, 30, 10],
  ['PageDown', 25, 30, 29],
  ['PageUp', 25, 30, 15],
  ['Enter', 1, 3, null],
  ['x', 1, 3, null],
  ['j', -1, 0, null],
] as const)('%s in row %i of %i leads to %s', (key, current, count, row) => {
  expect(rowFor(key, current, count)).toBe(row);
});
