// Who is signed in. The token itself goes into the service's HttpOnly cookie and nowhere else.

import type { Problem } from '../service/problem.ts';
import type { Service } from '../service/service.ts';
import { readClaims, type TokenProblem, tokenProblem } from './claims.ts';
import { forget, read, write } from './memory.ts';
import { problemOf } from './poller.ts';

export type SessionState =
  /** The service is asked whether a cookie of ours is good. */
  | { readonly name: 'asking'; readonly trouble: Problem | null }
  | { readonly name: 'out'; readonly why: SignInProblem | null; readonly isBusy: boolean }
  | { readonly name: 'in'; readonly business: string | null; readonly isOperator: boolean };

export type SignInProblem =
  | TokenProblem
  | { readonly key: 'token_refused' | 'no_cookie' | 'session_ended' | 'sign_in_busy' | 'unreachable' };

/** What of the service a session needs. */
export type SessionService = Pick<Service, 'json' | 'signIn' | 'signOut'>;

const LABEL = 'hearback.business';
const ASK_AGAIN_MS = 3000;
const REQUEST_MS_MAX = 15_000;

/**
 * The role is always asked for: the cookie may have been set by the team's own application, and says nothing to a script.
 * One request to an operators' route tells all there is to know: 200 to operators, 403 to everybody else who is signed
 * in, 401 to nobody.
 */
const OPERATORS_ONLY = 'debug/jobs?limit=1';

export class Session {
  state: SessionState = { name: 'asking', trouble: null };
  /** The last one asked for wins: whatever another one finds is dropped. */
  #asked = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly service: SessionService,
    private readonly changed: () => void,
  ) {}

  /** Whether somebody is signed in already. */
  async resume(): Promise<void> {
    const signal = this.#begin();
    if (this.state.name !== 'asking') this.#become({ name: 'asking', trouble: null });
    await this.#learn(signal, null);
  }

  async signIn(token: string): Promise<void> {
    const signal = this.#begin();
    const problem = tokenProblem(token, Date.now());
    if (problem !== null) return this.#become({ name: 'out', why: problem, isBusy: false });
    this.#become({ name: 'out', why: null, isBusy: true });
    try {
      await this.service.signIn(token, bounded(signal));
    } catch (error) {
      if (signal.aborted) return;
      return this.#become({ name: 'out', why: { key: refusalOf(problemOf(error)) }, isBusy: false });
    }
    if (signal.aborted) return;
    rememberLabel(token);
    // The token was good: it is the cookie that did not come back.
    await this.#learn(signal, { key: 'no_cookie' });
  }

  /** Throws a `Problem` where the service cannot be told: then the cookie is still there, and so is the session. */
  async signOut(): Promise<void> {
    try {
      await this.service.signOut(AbortSignal.timeout(REQUEST_MS_MAX));
    } catch (error) {
      throw problemOf(error);
    }
    this.end(null);
  }

  /** The service does not know us any more, or we do not want to be known. */
  end(why: SignInProblem | null): void {
    this.#begin();
    forget(LABEL);
    this.#become({ name: 'out', why, isBusy: false });
  }

  dispose(): void {
    this.#begin();
  }

  /** `refused`: what to say where nobody is signed in. */
  async #learn(signal: AbortSignal, refused: SignInProblem | null): Promise<void> {
    try {
      await this.service.json('GET', OPERATORS_ONLY, bounded(signal));
      if (!signal.aborted) this.#become({ name: 'in', business: rememberedLabel(Date.now()), isOperator: true });
    } catch (error) {
      if (!signal.aborted) this.#answered(problemOf(error), signal, refused);
    }
  }

  #answered(problem: Problem, signal: AbortSignal, refused: SignInProblem | null): void {
    switch (problem.status) {
      case 403:
        this.#become({ name: 'in', business: rememberedLabel(Date.now()), isOperator: false });
        break;
      case 401:
        this.end(refused);
        break;
      default:
        this.#become({ name: 'asking', trouble: problem });
        this.#timer = setTimeout(
          () => {
            void this.#learn(signal, refused);
          },
          Math.max(problem.retryAfterMs ?? 0, ASK_AGAIN_MS),
        );
    }
  }

  #begin(): AbortSignal {
    clearTimeout(this.#timer);
    this.#asked.abort();
    this.#asked = new AbortController();
    return this.#asked.signal;
  }

  #become(state: SessionState): void {
    this.state = state;
    this.changed();
  }
}

/** Hears of another tab's page that somebody else has signed in there, with the cookie that this one uses too. */
export function isOfSession(event: StorageEvent): boolean {
  return event.key === LABEL || event.key === null;
}

/** The business's name is for a label only, and only as long as the token is good that named it. */
function rememberLabel(token: string): void {
  const claims = readClaims(token);
  write(LABEL, JSON.stringify({ ...claims, signedInAtMs: Date.now() }));
}

function rememberedLabel(nowMs: number): string | null {
  try {
    const label: unknown = JSON.parse(read(LABEL) ?? 'null');
    if (typeof label !== 'object' || label === null || !('business' in label) || !('expiresAtMs' in label)) return null;
    const { business, expiresAtMs } = label;
    if (typeof expiresAtMs === 'number' && expiresAtMs < nowMs) return null;
    return typeof business === 'string' ? business : null;
  } catch {
    return null;
  }
}

function refusalOf({ status }: Problem): 'unreachable' | 'sign_in_busy' | 'token_refused' {
  if (status === 0) return 'unreachable';
  return status === 429 || status >= 500 ? 'sign_in_busy' : 'token_refused';
}

function bounded(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS_MAX)]);
}
