// What is filled into a sentence keeps its own direction.

import { expect, it } from 'vitest';
import { formatsOf } from './formats.ts';
import { wordsOf } from './words.ts';

const tables = { en: { to: 'to {number}' }, he: { to: 'אל {number}' } };

it('sets apart what is filled in where text runs from right to left', () => {
  expect(wordsOf(tables, 'en').say('to', { number: '+1 555' })).toBe('to +1 555');
  expect(wordsOf(tables, 'he').say('to', { number: 'Ann' })).toBe('אל \u2068Ann\u2069');
});

it('writes a number from left to right in any sentence', () => {
  expect(wordsOf(tables, 'he').say('to', { number: '+1 555' })).toBe('אל \u2066+1 555\u2069');
});

it('says of another day which one, and of another year that, too', () => {
  const { moment } = formatsOf('en-GB', 'UTC');
  const nowMs = Date.parse('2026-11-28T12:00:00Z');
  expect(moment('2026-11-28T10:42:00Z', nowMs)).toBe('10:42');
  expect(moment('2026-11-20T10:42:00Z', nowMs)).toBe('20 Nov, 10:42');
  expect(moment('2027-01-08T10:42:00Z', nowMs)).toBe('8 Jan 2027, 10:42');
});
