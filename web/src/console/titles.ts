// What the browser's tab is called, and what is said of trouble. Pure.

import type { Problem } from '../service/problem.ts';
import { phone, shortSid } from '../words/formats.ts';
import type { Route } from './router.ts';
import type { ConsoleWords } from './words/words.ts';

/** Null where nobody is signed in. */
export function pageTitle(route: Route | null, words: ConsoleWords): string {
  return `${nameOf(route, words)} · Hearback`;
}

export function troubleText({ status }: Problem, { say, formats }: ConsoleWords): string {
  if (status === 0) return say('reconnecting');
  if (status === 429 || status === 503) return say('overloaded');
  return say('unexpected', { status: formats.number(status) });
}

function nameOf(route: Route | null, { say }: ConsoleWords): string {
  if (route === null) return say('sign_in');
  switch (route.page) {
    case 'calls':
      return route.filters.q === '' ? say('calls') : `${route.filters.q} · ${say('calls')}`;
    case 'call':
      return shortSid(route.call);
    case 'number':
      return phone(route.number);
    case 'live':
      return say('nav_live');
  }
}
