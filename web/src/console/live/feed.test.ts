// One stream, few requests: how the board is kept up to date, by a service that behaves in all the ways it may.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerEvent } from '../../service/event-stream.ts';
import { Problem } from '../../service/problem.ts';
import type { Change } from './board.ts';
import {
  backoffMs,
  changeOf,
  FAILING_PAUSE_MS,
  Feed,
  RETRIES_MAX,
  SILENCE_MS,
  SNAPSHOT_PAUSE_MS,
  type Source,
} from './feed.ts';
import { actorsPage, call, jobsPage, recording } from './samples.ts';

const AWAKE = { live: 1, loading: 0, draining: 0, cooling: 0, parked: 0 };

function event(name: string, data: object): ServerEvent {
  return { name, data: JSON.stringify(data), id: '' };
}

const progress = (live: number) =>
  event('progress', { fetches: [], jobs: [], awake: { ...AWAKE, live }, vault: { copies: 0, bytes: 0 } });

/** A service whose streams the test opens, feeds and breaks. */
class Fake implements Source {
  readonly asked: string[] = [];
  streams = 0;
  say: (event: ServerEvent) => void = () => undefined;
  end: (error?: Error) => void = () => undefined;
  refusal: Error | null = null;
  more = 0;
  failing = false;

  followActors(signal: AbortSignal, heard: (event: ServerEvent) => void): ReturnType<Source['followActors']> {
    this.streams += 1;
    if (this.refusal !== null) return Promise.reject(this.refusal);
    this.say = heard;
    return new Promise((resolve, reject) => {
      this.end = (error) => (error === undefined ? resolve('ended') : reject(error));
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  }

  async json<T>(_: string, path: string): Promise<T> {
    this.asked.push(path);
    if (this.failing) throw new Problem(503, 'away');
    const downloading = call({ call_sid: 'CA8', recordings: [recording({ state: 'downloading' })] });
    const calls = path.includes('state=downloading') ? [downloading] : [call({})];
    return (path.startsWith('debug/jobs') ? jobsPage([]) : actorsPage({ calls, calls_more: this.more })) as T;
  }

  count(prefix: string): number {
    return this.asked.filter((path) => path.startsWith(prefix)).length;
  }
}

let service: Fake;
let changes: Change[];
let feed: Feed;
const links = () => changes.flatMap((change) => (change.kind === 'link' ? [change.link.kind] : []));
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  service = new Fake();
  changes = [];
  feed = new Feed(service, (change) => changes.push(change));
});

afterEach(() => {
  feed.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('snapshots', () => {
  it('are read at once, and again when the stream has begun', async () => {
    feed.start();
    await pass(0);
    expect(service.asked).toEqual(['debug/actors?limit=200', 'debug/jobs?limit=10']);
    service.say(progress(1));
    await pass(SNAPSHOT_PAUSE_MS + 10);
    expect([service.count('debug/actors'), service.count('debug/jobs')]).toEqual([2, 2]);
    expect(links()).toEqual(['live']);
  });

  it('are not read while nothing happens, until it has been silent for long', async () => {
    feed.start();
    await pass(100);
    service.say(progress(1));
    await pass(SILENCE_MS - 1000);
    expect(service.asked.length).toBe(4);
    await pass(3000);
    expect(service.asked.length).toBe(6);
  });

  it('are read at most every two seconds, however much happens', async () => {
    feed.start();
    await pass(10 * SNAPSHOT_PAUSE_MS);
    service.asked.length = 0;
    for (let index = 0; index < 100; index += 1) {
      service.say(event('restarted', { at: '', actor: 'fetcher' }));
      await pass(100);
    }
    const reads = service.count('debug/actors');
    expect(reads).toBeGreaterThanOrEqual(3);
    expect(reads).toBeLessThanOrEqual(6);
  });

  it('are read when calls wake, not when bytes arrive', async () => {
    feed.start();
    service.say(progress(1));
    await pass(5 * SNAPSHOT_PAUSE_MS);
    service.asked.length = 0;
    service.say(progress(1));
    await pass(SNAPSHOT_PAUSE_MS);
    expect(service.asked).toEqual([]);
    service.say(progress(2));
    await pass(SNAPSHOT_PAUSE_MS);
    expect(service.asked).toEqual(['debug/actors?limit=200']);
  });

  it('are read again after events were missed', async () => {
    feed.start();
    service.say(progress(1));
    await pass(5 * SNAPSHOT_PAUSE_MS);
    service.asked.length = 0;
    service.say(event('lagged', { missed: 3 }));
    await pass(SNAPSHOT_PAUSE_MS);
    expect(service.asked.length).toBe(2);
  });

  it('that fail are tried again later, and it is said', async () => {
    service.failing = true;
    feed.start();
    service.say(progress(1));
    await pass(FAILING_PAUSE_MS - 1);
    expect(service.count('debug/actors')).toBe(1);
    expect(changes).toContainEqual({ kind: 'unread', snapshot: 'actors', failing: true });
    service.failing = false;
    await pass(1000);
    expect(changes).toContainEqual({ kind: 'unread', snapshot: 'actors', failing: false });
  });

  it('that fail are not tried again while there is no stream either', async () => {
    service.failing = true;
    service.refusal = new Problem(0, 'offline');
    feed.start();
    await pass(6 * FAILING_PAUSE_MS);
    expect(service.asked.length).toBe(2);
  });

  it('name what an operator looks for where not all is listed', async () => {
    service.more = 300;
    feed.start();
    await pass(0);
    const actors = changes.find((change) => change.kind === 'actors');
    expect(actors?.page.calls.map(({ call_sid }) => call_sid)).toEqual(['CA8', 'CA1']);
  });

  it('of jobs are as they were chosen, at once', async () => {
    feed.start();
    await pass(100);
    feed.list('dead');
    await pass(0);
    expect(service.asked.at(-1)).toBe('debug/jobs?limit=10&state=dead');
  });
});

describe('the stream', () => {
  it('is opened again when it ends by itself', async () => {
    feed.start();
    service.say(progress(1));
    service.end();
    await pass(500);
    expect(service.streams).toBe(2);
    expect(links()).toEqual(['live']);
  });

  it('that breaks is tried again ever more slowly, then given up', async () => {
    service.refusal = new Problem(0, 'offline');
    feed.start();
    await pass(2000);
    expect(service.streams).toBe(2);
    await pass(60 * 60_000);
    expect(service.streams).toBe(RETRIES_MAX + 1);
    expect(links().at(-1)).toBe('given-up');
  });

  it('waits as long as it is told', async () => {
    service.refusal = new Problem(429, 'too_many_streams', 20_000);
    feed.start();
    await pass(19_000);
    expect(service.streams).toBe(1);
    await pass(2000);
    expect(service.streams).toBe(2);
  });

  it('that is refused is not asked for again', async () => {
    service.refusal = new Problem(403, 'forbidden');
    feed.start();
    await pass(60_000);
    expect(service.streams).toBe(1);
    expect(changes).toContainEqual({ kind: 'link', link: { kind: 'refused', status: 403 } });
  });

  it('that ends without a word counts as broken', async () => {
    feed.start();
    service.end();
    await pass(900);
    expect([service.streams, links()]).toEqual([1, ['lost']]);
  });
});

it('waits longer each time, up to half a minute', () => {
  expect([1, 2, 3, 9].map(backoffMs)).toEqual([1000, 2000, 4000, 30_000]);
});

it('passes over what it does not understand', () => {
  expect(changeOf({ name: 'state', data: 'no JSON', id: '' })).toBeNull();
  expect(changeOf(event('news', {}))).toBeNull();
  expect(changeOf(event('ended', { actor: 'inbox' }))).toMatchObject({ happening: { event: 'ended', actor: 'inbox' } });
});
