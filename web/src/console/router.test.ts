// Addresses lead where they should, and those that make no sense to the calls.

import { describe, expect, it } from 'vitest';
import { NO_FILTERS } from './filters.ts';
import { CALLS, formatRoute, parseRoute, type Route } from './router.ts';

const CALL = `CA${'0123456789abcdef'.repeat(2)}`;
const RECORDING = `RE${'fedcba9876543210'.repeat(2)}`;

describe('an address and its page', () => {
  const pairs: readonly (readonly [string, Route])[] = [
    ['#/calls', CALLS],
    ['#/calls?direction=inbound', { page: 'calls', filters: { ...NO_FILTERS, direction: 'inbound' } }],
    ['#/calls?q=washing+machine', { page: 'calls', filters: { ...NO_FILTERS, q: 'washing machine' } }],
    [`#/calls/${CALL}`, { page: 'call', call: CALL, recording: null, second: 0, plays: false }],
    [
      `#/calls/${CALL}?recording=${RECORDING}&t=42.5&play=`,
      { page: 'call', call: CALL, recording: RECORDING, second: 42.5, plays: true },
    ],
    ['#/numbers/%2B4930123456', { page: 'number', number: '+4930123456' }],
    ['#/numbers/sip%3Aagent%40example.com', { page: 'number', number: 'sip:agent@example.com' }],
    ['#/live', { page: 'live' }],
  ];
  for (const [address, route] of pairs) {
    it(`${address} there and back`, () => {
      expect(parseRoute(address)).toEqual(route);
      expect(formatRoute(route)).toBe(address);
    });
  }
});

it.each([
  '',
  '#',
  '#/',
  '#/nowhere',
  '#/calls/CA12',
  `#/calls/${CALL}/more`,
  '#/numbers/',
  '#/numbers/%E0%A4%A',
  `#/numbers/${'1'.repeat(201)}`,
  '#/live/once',
  '#token=eyJ',
])('%s is the list of calls', (address) => {
  expect(parseRoute(address)).toEqual(CALLS);
});

it('leaves out what it cannot use of a call’s address', () => {
  const route = parseRoute(`#/calls/${CALL}?recording=CA1&t=-3&play=false`);
  expect(route).toEqual({ page: 'call', call: CALL, recording: null, second: 0, plays: false });
  expect(parseRoute(`#/calls/${CALL}?t=soon`)).toMatchObject({ second: 0 });
});

it('reads a bare play as a wish to play', () => {
  expect(parseRoute(`#/calls/${CALL}?play`)).toMatchObject({ plays: true });
});
