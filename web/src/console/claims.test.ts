// Tokens are read as far as labels and messages need it.

import { expect, it } from 'vitest';
import { readClaims, tokenOf, tokenProblem } from './claims.ts';

const NOW = Date.UTC(2026, 0, 1);
const token = (claims: unknown) =>
  `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2lnbmF0dXJl`;

it('reads whose it is and until when', () => {
  expect(readClaims(token({ business_id: 'מרפאה', exp: NOW / 1000 }))).toEqual({ business: 'מרפאה', expiresAtMs: NOW });
  expect(readClaims(token({ sub: 'x' }))).toEqual({ business: null, expiresAtMs: null });
});

it.each(['', 'a.b', 'a.b.c', 'a.b.c.d', 'a.!.c', token([]), token(1), token(null)])('%s is no token', (text) => {
  expect(readClaims(text)).toBeNull();
});

it('says what is wrong with a token before the service does', () => {
  expect(tokenProblem('', NOW)).toEqual({ key: 'token_empty' });
  expect(tokenProblem('eyJ', NOW)).toEqual({ key: 'token_shape' });
  expect(tokenProblem(token({ exp: NOW / 1000 - 1 }), NOW)).toEqual({
    key: 'token_expired',
    expiredAtMs: NOW - 1000,
  });
  expect(tokenProblem(token({ exp: NOW / 1000 + 1 }), NOW)).toBeNull();
});

it('finds a token in an address, and in no page’s', () => {
  expect(tokenOf('#token=a.b.c')).toBe('a.b.c');
  expect(tokenOf('#/calls?q=token=1')).toBeNull();
  expect(tokenOf('')).toBeNull();
});
