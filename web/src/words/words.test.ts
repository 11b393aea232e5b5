// What is filled into a sentence keeps its own direction.

import { expect, it } from 'vitest';
import { wordsOf } from './words.ts';

const tables = { en: { to: 'to {number}' }, he: { to: 'אל {number}' } };

it('sets apart what is filled in where text runs from right to left', () => {
  expect(wordsOf(tables, 'en').say('to', { number: '+1 555' })).toBe('to +1 555');
  expect(wordsOf(tables, 'he').say('to', { number: 'Ann' })).toBe('אל \u2068Ann\u2069');
});

it('writes a number from left to right in any sentence', () => {
  expect(wordsOf(tables, 'he').say('to', { number: '+1 555' })).toBe('אל \u2066+1 555\u2069');
});
