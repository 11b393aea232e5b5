// A list stays fresh, pages on, and is silent when told to be.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Problem } from '../service/problem.ts';
import type { Call, CallPage } from '../service/shapes.ts';
import { CallFeed } from './call-feed.ts';
import type { Visibility } from './poller.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const call = (sid: string) => ({ call_sid: sid, recordings: [] }) as unknown as Call;
const page = (sids: string, cursor: string | null): CallPage => ({ calls: [...sids].map(call), next_cursor: cursor });

function feeding(answers: (query: URLSearchParams) => CallPage) {
  const asked: string[] = [];
  const calls = vi.fn(async (query: URLSearchParams, _: AbortSignal) => {
    asked.push(query.toString());
    return answers(query);
  });
  const listener = { changed: vi.fn(), troubled: vi.fn() };
  const visible = Object.assign(new EventTarget(), { hidden: false }) as unknown as Visibility;
  const feed = new CallFeed({ calls }, new URLSearchParams('q=seal'), listener, visible);
  const sids = () => feed.state.calls?.map((one) => one.call_sid).join('');
  return { feed, asked, listener, sids };
}

it('asks for the newest page again and again, and for older ones once', async () => {
  const { feed, asked, sids } = feeding((query) => (query.has('cursor') ? page('ba', null) : page('dc', 'c')));
  feed.start();
  await vi.advanceTimersByTimeAsync(0);
  await feed.loadMore();
  await feed.loadMore();
  await vi.advanceTimersByTimeAsync(5000);
  expect(sids()).toBe('dcba');
  expect(asked).toEqual(['q=seal&limit=50', 'q=seal&limit=50&cursor=c', 'q=seal&limit=50']);
});

it('asks nothing more once it is stopped, and drops what comes too late', async () => {
  const { feed, asked, sids } = feeding((query) => (query.has('cursor') ? page('ba', null) : page('dc', 'c')));
  feed.start();
  await vi.advanceTimersByTimeAsync(0);
  const more = feed.loadMore();
  feed.stop();
  await more;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(2);
  expect(sids()).toBe('dc');
  expect(feed.state.more).toBe('idle');
});

it('tells of trouble, and of its end', async () => {
  let problem: Problem | null = new Problem(503, 'away');
  const { feed, listener } = feeding(() => {
    if (problem !== null) throw problem;
    return page('a', null);
  });
  feed.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(listener.troubled).toHaveBeenLastCalledWith(problem);
  problem = null;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(listener.troubled).toHaveBeenLastCalledWith(null);
});

it('does not repeat what the service refuses', async () => {
  const { feed, asked, listener } = feeding(() => {
    throw new Problem(400, 'malformed');
  });
  feed.start();
  await vi.advanceTimersByTimeAsync(60_000);
  feed.stop();
  feed.start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(1);
  expect(feed.isRefused).toBe(true);
  expect(listener.troubled).toHaveBeenLastCalledWith(null);
});

it('says when more cannot be had, and tries again when asked', async () => {
  let isAway = true;
  const { feed, sids } = feeding((query) => {
    if (!query.has('cursor')) return page('dc', 'c');
    if (isAway) throw new Problem(0, 'offline');
    return page('ba', null);
  });
  feed.start();
  await vi.advanceTimersByTimeAsync(0);
  await feed.loadMore();
  expect(feed.state.more).toBe('failed');
  isAway = false;
  await feed.loadMore();
  expect(sids()).toBe('dcba');
});

it('is signed out when the service says so, also by an older page', async () => {
  const { feed, listener } = feeding((query) => {
    if (!query.has('cursor')) return page('dc', 'c');
    throw new Problem(401, 'no_credentials');
  });
  feed.start();
  await vi.advanceTimersByTimeAsync(0);
  await feed.loadMore();
  expect(listener.troubled).toHaveBeenLastCalledWith(expect.objectContaining({ status: 401 }));
});
