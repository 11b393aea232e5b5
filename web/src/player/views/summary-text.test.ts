// Confidences and times of appointments.

import { expect, it } from 'vitest';
import { confidenceKey, localInput, momentOf } from './summary-text.ts';

it.each([
  [1, 'confidence_high'],
  [0.9, 'confidence_high'],
  [0.89, 'confidence_middle'],
  [0.7, 'confidence_middle'],
  [0.69, 'confidence_low'],
])('%d is %s', (confidence, key) => expect(confidenceKey(confidence)).toBe(key));

const NOW = Date.parse('2026-11-28T12:00:00Z');

it('says when, in the reader’s language', () => {
  expect(momentOf('2026-12-03T10:00:00Z', 'en-GB', NOW, 'UTC')).toBe('Thursday 3 December, 10:00');
  expect(momentOf('2026-12-03T10:00:00Z', 'he', NOW, 'Asia/Jerusalem')).toMatch(/דצמבר, 12:00$/);
  expect(momentOf('soon', 'en', NOW)).toBe('soon');
});

it('says the year of what is not in this one, where it is read', () => {
  expect(momentOf('2027-12-03T10:00:00Z', 'en-GB', NOW, 'UTC')).toMatch(/^Friday,? 3 December 2027, 10:00$/);
  expect(momentOf('2027-12-03T10:00:00Z', 'he', NOW, 'UTC')).toMatch(/דצמבר 2027, 10:00$/);
  expect(momentOf('2026-12-31T23:00:00Z', 'en-GB', NOW, 'UTC')).not.toMatch(/20/);
  expect(momentOf('2026-12-31T23:00:00Z', 'en-GB', NOW, 'Asia/Jerusalem')).toMatch(/^Friday,? 1 January 2027, 0?1:00$/);
});

it('hands a form the same moment that it reads back', () => {
  const ms = Date.parse('2026-12-03T10:05:00Z');
  expect(localInput(ms)).toMatch(/^2026-12-0[234]T\d\d:\d5$/);
  expect(new Date(localInput(ms)).getTime()).toBe(ms);
});
