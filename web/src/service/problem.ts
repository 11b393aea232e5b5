// Why the service did not do what it was asked: one error for every answer that is none (RFC 9457), and for no answer.

/** `code` is the service's own word for it, `offline` where there was no answer, `unknown` where it gave none. */
export class Problem extends Error {
  constructor(
    /** 0 where there was no answer. */
    readonly status: number,
    readonly code: string,
    /** As the answer said, by `Retry-After` in seconds. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(`${status} ${code}`);
    this.name = 'Problem';
  }

  static async of(response: Response): Promise<Problem> {
    const isProblem = response.headers.get('Content-Type')?.includes('json') ?? false;
    const body: unknown = isProblem ? await response.json().catch(() => null) : null;
    // What nobody reads keeps the connection.
    if (!isProblem) await response.body?.cancel().catch(() => {});
    const code = typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : 'unknown';
    return new Problem(response.status, code, retryAfterMs(response));
  }
}

/** What an answer says of when to ask again; null where it does not say, or names a date: ours never does. */
export function retryAfterMs(response: Response): number | null {
  const said = response.headers.get('Retry-After');
  return said !== null && /^\d{1,9}$/.test(said.trim()) ? Number(said) * 1000 : null;
}
