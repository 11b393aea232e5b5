// What the console's elements ask of its shell: state goes in as properties, requests come out as events.

import type { Problem } from '../service/problem.ts';
import type { Language } from '../words/words.ts';
import type { Theme } from './preferences.ts';
import type { Route } from './router.ts';

export type ConsoleRequest =
  | { readonly type: 'sign_in'; readonly token: string }
  | { readonly type: 'sign_out' }
  /** The service has answered 401. */
  | { readonly type: 'signed_out' }
  /** `replaces`: without a way back. */
  | { readonly type: 'open'; readonly route: Route; readonly replaces: boolean }
  | { readonly type: 'load_more' }
  /** What was asked for did not come; null once it does again. */
  | { readonly type: 'troubled'; readonly problem: Problem | null }
  | { readonly type: 'language'; readonly language: Language }
  | { readonly type: 'theme'; readonly theme: Theme }
  | { readonly type: 'announce'; readonly text: string };

export class ConsoleRequestEvent extends Event {
  static readonly type = 'console-request';

  constructor(readonly request: ConsoleRequest) {
    super(ConsoleRequestEvent.type, { bubbles: true, composed: true });
  }
}

export function ask(from: EventTarget, request: ConsoleRequest): void {
  from.dispatchEvent(new ConsoleRequestEvent(request));
}

declare global {
  interface HTMLElementEventMap {
    'console-request': ConsoleRequestEvent;
  }
}
