// Who is signed in. The token itself goes into the service's HttpOnly cookie and nowhere else.

import type { Problem } from '../service/problem.ts';
import type { Service } from '../service/service.ts';
import { type TokenProblem, tokenProblem } from './claims.ts';
import { forget, write } from './memory.ts';
import { bounded, problemOf } from './patience.ts';

export type SessionState =
  /** The service is asked whether a cookie of ours is good. */
  | { readonly name: 'asking'; readonly trouble: Problem | null }
  | { readonly name: 'out'; readonly why: SignInProblem | null; readonly isBusy: boolean }
  | { readonly name: 'in'; readonly business: string; readonly isOperator: boolean };

export type SignInProblem =
  | TokenProblem
  | { readonly key: 'token_refused' | 'no_cookie' | 'session_ended' | 'sign_in_busy' | 'unreachable' };

/** What of the service a session needs. */
export type SessionService = Pick<Service, 'signedIn' | 'signIn' | 'signOut'>;

/** Changes with whoever is signed in, so that other tabs hear of it; it says nothing of them. */
const SIGNED_IN = 'hearback.signed_in';
const ASK_AGAIN_MS = 3000;

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
    write(SIGNED_IN, String(Date.now()));
    // The token was good: it is the cookie that did not come back.
    await this.#learn(signal, { key: 'no_cookie' });
  }

  /**
   * Whether it is still the same one, asked behind what is shown: the team's own application signs in others with the
   * same cookie, and no event tells. Somebody else begins anew, as after a load of the page.
   */
  async confirm(): Promise<void> {
    const before = this.state;
    if (before.name !== 'in') return;
    const { signal } = this.#asked;
    try {
      const { business_id: business, role } = await this.service.signedIn(bounded(signal));
      if (this.state !== before) return;
      const isSame = business === before.business && (role === 'operator') === before.isOperator;
      if (!isSame) await this.resume();
    } catch (error) {
      // Anything else is said by what is asked for the page itself.
      if (this.state === before && problemOf(error).status === 401) this.end({ key: 'session_ended' });
    }
  }

  /** Throws a `Problem` where the service cannot be told: then the cookie is still there, and so is the session. */
  async signOut(): Promise<void> {
    try {
      await this.service.signOut(bounded());
    } catch (error) {
      throw problemOf(error);
    }
    this.end(null);
  }

  /** The service does not know us any more, or we do not want to be known. */
  end(why: SignInProblem | null): void {
    this.#begin();
    forget(SIGNED_IN);
    this.#become({ name: 'out', why, isBusy: false });
  }

  dispose(): void {
    this.#begin();
  }

  /** `refused`: what to say where nobody is signed in. */
  async #learn(signal: AbortSignal, refused: SignInProblem | null): Promise<void> {
    try {
      const { business_id: business, role } = await this.service.signedIn(bounded(signal));
      if (!signal.aborted) this.#become({ name: 'in', business, isOperator: role === 'operator' });
    } catch (error) {
      if (!signal.aborted) this.#answered(problemOf(error), signal, refused);
    }
  }

  #answered(problem: Problem, signal: AbortSignal, refused: SignInProblem | null): void {
    if (problem.status === 401) {
      this.end(refused);
      return;
    }
    this.#become({ name: 'asking', trouble: problem });
    const pauseMs = Math.max(problem.retryAfterMs ?? 0, ASK_AGAIN_MS);
    this.#timer = setTimeout(() => void this.#learn(signal, refused), pauseMs);
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
  return event.key === SIGNED_IN || event.key === null;
}

function refusalOf({ status }: Problem): 'unreachable' | 'sign_in_busy' | 'token_refused' {
  if (status === 0) return 'unreachable';
  return status === 429 || status >= 500 ? 'sign_in_busy' : 'token_refused';
}
