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

it('says when, in the reader’s language', () => {
  expect(momentOf('2026-12-03T10:00:00Z', 'en-GB', 'UTC')).toBe('Thursday 3 December, 10:00');
  expect(momentOf('2026-12-03T10:00:00Z', 'he', 'Asia/Jerusalem')).toMatch(/דצמבר, 12:00$/);
  expect(momentOf('soon', 'en')).toBe('soon');
});

it('hands a form the same moment that it reads back', () => {
  const ms = Date.parse('2026-12-03T10:05:00Z');
  expect(localInput(ms)).toMatch(/^2026-12-0[234]T\d\d:\d5$/);
  expect(new Date(localInput(ms)).getTime()).toBe(ms);
});
