// Filters survive the address, and reach the service as it wants them.

import { expect, it } from 'vitest';
import {
  askedOf,
  type CallFilters,
  detailCount,
  formatFilters,
  isFiltered,
  NO_FILTERS,
  parseFilters,
} from './filters.ts';

const ALL: CallFilters = {
  direction: 'outbound',
  q: 'door seal',
  number: '+1 (555) 555-0142',
  from: '2026-03-05',
  to: '2026-03-06',
  status: 'no-answer',
  hasRecording: false,
};

it('comes back from the address as it went in', () => {
  expect(parseFilters(formatFilters(ALL))).toEqual(ALL);
  expect(formatFilters(NO_FILTERS).size).toBe(0);
  expect(parseFilters(new URLSearchParams())).toEqual(NO_FILTERS);
});

it('leaves out what is no filter', () => {
  const query = new URLSearchParams(
    'direction=up&status=gone&from=yesterday&to=2026-02-31&has_recording=maybe&limit=9',
  );
  expect(parseFilters(query)).toEqual(NO_FILTERS);
});

it('asks for whole days of the reader', () => {
  const query = askedOf(ALL);
  expect(query.get('from')).toBe(new Date(2026, 2, 5).toISOString());
  expect(query.get('to')).toBe(new Date(2026, 2, 6, 23, 59, 59, 999).toISOString());
});

it.each([
  ['+1 (555) 555-0142', '+15555550142'],
  [' 0049 30/123456 ', '+4930123456'],
  ['\u2066+972 55 555 0117\u2069', '+972555550117'],
  ['sip:agent@example.com', 'sip:agent@example.com'],
  ['client:ann', 'client:ann'],
])('asks for the number %s as %s', (written, asked) => {
  expect(askedOf({ ...NO_FILTERS, number: written }).get('number')).toBe(asked);
});

it('does not ask for blanks, which the service refuses', () => {
  expect(askedOf({ ...NO_FILTERS, q: '   ' }).has('q')).toBe(false);
  expect(isFiltered({ ...NO_FILTERS, q: '   ' })).toBe(false);
});

it('cuts a question to what the service takes, by characters', () => {
  const { q } = parseFilters(new URLSearchParams({ q: '😀'.repeat(300) }));
  expect([...q].length).toBe(200);
});

it('counts what is folded away', () => {
  expect(detailCount(ALL)).toBe(4);
  expect(detailCount({ ...NO_FILTERS, direction: 'inbound', q: 'x' })).toBe(0);
});
