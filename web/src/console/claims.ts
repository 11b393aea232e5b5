// What a token says of itself, unverified: good for a label and a helpful message, and for nothing else. Pure.

export interface Claims {
  readonly business: string | null;
  readonly expiresAtMs: number | null;
}

/** Null for what is no token at all. */
export function readClaims(token: string): Claims | null {
  const parts = token.split('.');
  if (parts.length !== 3) return null;
  const claims = parsed(parts[1] ?? '');
  if (claims === null) return null;
  const { business_id: business, exp } = claims;
  return {
    business: typeof business === 'string' ? business : null,
    expiresAtMs: typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : null,
  };
}

export type TokenProblem =
  | { readonly key: 'token_empty' | 'token_shape' }
  | { readonly key: 'token_expired'; readonly expiredAtMs: number };

/** What can be told of a token without asking the service. */
export function tokenProblem(token: string, nowMs: number): TokenProblem | null {
  if (token === '') return { key: 'token_empty' };
  const claims = readClaims(token);
  if (claims === null) return { key: 'token_shape' };
  const { expiresAtMs } = claims;
  return expiresAtMs !== null && expiresAtMs < nowMs ? { key: 'token_expired', expiredAtMs: expiresAtMs } : null;
}

/** The token of an address's hash, `#token=…`; null where there is none. */
export function tokenOf(hash: string): string | null {
  return hash.startsWith('#/') ? null : new URLSearchParams(hash.slice(1)).get('token');
}

function parsed(part: string): Record<string, unknown> | null {
  try {
    const binary = atob(part.replace(/-/g, '+').replace(/_/g, '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
