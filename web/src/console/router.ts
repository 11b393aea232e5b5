// Where in the console one is: the part of the address behind `#`, so that it works under any path prefix.

import { type CallFilters, formatFilters, NO_FILTERS, parseFilters } from './filters.ts';

export type Route =
  | { readonly page: 'calls'; readonly filters: CallFilters }
  | {
      readonly page: 'call';
      readonly call: string;
      /** Null: the call's primary. */
      readonly recording: string | null;
      readonly second: number;
      /** Opened by a Play button; taken out of the address once it has been obeyed. */
      readonly plays: boolean;
    }
  | { readonly page: 'number'; readonly number: string }
  | { readonly page: 'live' };

export const CALLS: Route = { page: 'calls', filters: NO_FILTERS };

const CALL_SID = /^CA[0-9a-f]{32}$/i;
const RECORDING_SID = /^RE[0-9a-f]{32}$/i;
const NUMBER_CHARACTERS_MAX = 200;

/** Anything that is no page of ours is the list of calls. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = split(hash.replace(/^#/, ''), '?');
  const query = new URLSearchParams(search);
  const [, page, name = '', ...rest] = path.split('/');
  if (rest.length > 0) return CALLS;
  if (page === 'live' && name === '') return { page: 'live' };
  if (page === 'numbers') {
    const number = decoded(name);
    return number === '' || number.length > NUMBER_CHARACTERS_MAX ? CALLS : { page: 'number', number };
  }
  if (page === 'calls' && name === '') return { page: 'calls', filters: parseFilters(query) };
  if (page === 'calls' && CALL_SID.test(name)) return callRoute(name, query);
  return CALLS;
}

export function formatRoute(route: Route): string {
  switch (route.page) {
    case 'calls':
      return withQuery('#/calls', formatFilters(route.filters));
    case 'call': {
      const query = new URLSearchParams();
      if (route.recording !== null) query.set('recording', route.recording);
      if (route.second > 0) query.set('t', String(route.second));
      if (route.plays) query.set('play', '');
      return withQuery(`#/calls/${route.call}`, query);
    }
    case 'number':
      return `#/numbers/${encodeURIComponent(route.number)}`;
    case 'live':
      return '#/live';
  }
}

export function callOf(call: string, more: { recording?: string | null; plays?: boolean } = {}): Route {
  return { page: 'call', call, recording: more.recording ?? null, second: 0, plays: more.plays ?? false };
}

/** Listens to the address, and changes it. */
export class Router {
  #route: Route;

  constructor(private readonly changed: (route: Route, before: Route) => void) {
    this.#route = parseRoute(location.hash);
    // Only we know when a list is long enough again to be scrolled to where it was.
    history.scrollRestoration = 'manual';
    addEventListener('hashchange', this.#heard);
  }

  get route(): Route {
    return this.#route;
  }

  /** `replaces`: without a way back to where one was, as for each letter of a search. */
  open(route: Route, replaces = false): void {
    const address = formatRoute(route);
    if (replaces) history.replaceState(null, '', address);
    else if (address !== location.hash) history.pushState(null, '', address);
    this.#moveTo(route);
  }

  dispose(): void {
    removeEventListener('hashchange', this.#heard);
  }

  #heard = (): void => this.#moveTo(parseRoute(location.hash));

  #moveTo(route: Route): void {
    const before = this.#route;
    if (formatRoute(before) === formatRoute(route)) return;
    this.#route = route;
    this.changed(route, before);
  }
}

function callRoute(call: string, query: URLSearchParams): Route {
  const recording = query.get('recording') ?? '';
  const second = Number(query.get('t') ?? 0);
  return {
    page: 'call',
    call,
    recording: RECORDING_SID.test(recording) ? recording : null,
    second: Number.isFinite(second) && second > 0 ? second : 0,
    plays: query.has('play') && query.get('play') !== 'false',
  };
}

function withQuery(path: string, query: URLSearchParams): string {
  return query.size > 0 ? `${path}?${query}` : path;
}

function split(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
