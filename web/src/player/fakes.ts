// For tests: a service that answers as it is told and counts, an audio element of no sound, and a world around them.

import { vi } from 'vitest';
import type { Media, MediaEvent } from './media.ts';
import type { World } from './world.ts';

/** A route: `details`, `status`, `waveform`, `transcript`, `check`, `link`, `events`, `correct`, `decide`. */
export type Route = keyof typeof ROUTES;

export interface FakeService {
  /** What was asked, in order. */
  readonly asked: readonly Route[];
  /** The recordings that requests for it named, each once; null: none. */
  named(route: Route): readonly (string | null)[];
  /** Requests that were neither answered nor aborted: also streams that are open. */
  readonly open: number;
  /** From now on; a route without an answer never gets any. */
  answers(route: Route, answer: (() => Response) | null): void;
  count(route: Route): number;
  /** On the stream that is open. */
  tell(name: string, data: unknown, id?: string): Promise<void>;
  endStream(): Promise<void>;
}

const ROUTES = {
  check: /^GET .*\/recordings\/file\//,
  link: /^POST .*\/link/,
  events: /^GET .*\/events/,
  status: /^GET .*\/status/,
  waveform: /^GET .*\/waveform/,
  transcript: /^GET .*\/transcript/,
  correct: /^PUT .*\/transcript/,
  decide: /^PATCH .*\/appointments\//,
  details: /^GET .*\/calls\/[^/]+$/,
};

export function fakeService(): FakeService {
  const asked: Route[] = [];
  const names = new Map<Route, Set<string | null>>();
  const answers = new Map<Route, () => Response>();
  let open = 0;
  let stream: ReadableStreamDefaultController<Uint8Array> | null = null;

  function follow(signal: AbortSignal): Response {
    open++;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        stream = controller;
        signal.addEventListener('abort', () => {
          open--;
          controller.error(signal.reason);
          if (stream === controller) stream = null;
        });
      },
    });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  }

  function never(signal: AbortSignal): Promise<Response> {
    open++;
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        open--;
        reject(signal.reason);
      });
    });
  }

  vi.stubGlobal('fetch', async (url: string, init: RequestInit & { signal: AbortSignal }) => {
    const { pathname, searchParams } = new URL(url);
    const route = routeOf(`${init.method} ${pathname}`);
    asked.push(route);
    names.set(route, (names.get(route) ?? new Set()).add(searchParams.get('recording')));
    const answer = answers.get(route);
    if (answer !== undefined) return answer();
    return route === 'events' ? follow(init.signal) : never(init.signal);
  });

  return {
    asked,
    named: (route) => [...(names.get(route) ?? [])],
    get open() {
      return open;
    },
    answers(route, answer) {
      if (answer === null) answers.delete(route);
      else answers.set(route, answer);
    },
    count: (route) => asked.filter((one) => one === route).length,
    async tell(name, data, id = '') {
      stream?.enqueue(new TextEncoder().encode(`event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`));
      await settled();
    },
    async endStream() {
      stream?.close();
      stream = null;
      open--;
      await settled();
    },
  };
}

function routeOf(request: string): Route {
  for (const [route, pattern] of Object.entries(ROUTES)) if (pattern.test(request)) return route as Route;
  throw new Error(`nobody expects ${request}`);
}

/** Whatever follows without time passing. */
export async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

export interface FakeMedia extends Media {
  readonly did: readonly string[];
  readonly isDisposed: boolean;
  tell(event: MediaEvent): void;
}

export interface FakeWorld extends World {
  readonly media: FakeMedia | null;
  readonly kept: Map<string, string>;
  goOnline(): void;
  readonly onlineListeners: number;
}

export function fakeWorld(): FakeWorld {
  let media: FakeMedia | null = null;
  const kept = new Map<string, string>();
  const online = new Set<() => void>();
  return {
    now: () => Date.now(),
    after(ms, then) {
      const timer = setTimeout(then, ms);
      return () => clearTimeout(timer);
    },
    createMedia: (heard) => {
      media = fakeMedia(heard);
      return media;
    },
    storage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) },
    onOnline(listener) {
      online.add(listener);
      return () => online.delete(listener);
    },
    get media() {
      return media;
    },
    kept,
    goOnline() {
      for (const listener of online) listener();
    },
    get onlineListeners() {
      return online.size;
    },
  };
}

function fakeMedia(heard: (event: MediaEvent) => void): FakeMedia {
  const did: string[] = [];
  let isDisposed = false;
  const note = (what: string) => void did.push(what);
  return {
    did,
    get isDisposed() {
      return isDisposed;
    },
    tell: heard,
    unlock: () => note('unlock'),
    load: (url, second, crossOrigin) => note(`load ${new URL(url).search} at ${second} ${crossOrigin}`),
    unload: () => note('unload'),
    play() {
      note('play');
      queueMicrotask(() => heard({ type: 'playing' }));
    },
    pause: () => note('pause'),
    seek: (second) => note(`seek ${second}`),
    setRate: (rate) => note(`rate ${rate}`),
    setVolume: (volume, isMuted) => note(`volume ${volume}${isMuted ? ' muted' : ''}`),
    solo(channel) {
      note(`solo ${channel}`);
      return true;
    },
    dispose() {
      isDisposed = true;
    },
  };
}
