// Asks while somebody looks, one at a time, ever more seldom while it fails, and no more when told to stop.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Problem } from '../service/problem.ts';
import { Poller, type Visibility } from './poller.ts';

class Page extends EventTarget {
  hidden = false;
  turn(hidden: boolean) {
    this.hidden = hidden;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function polling(ask: (signal: AbortSignal) => Promise<void>, goesOn = true) {
  const page = new Page();
  const failed = vi.fn((_: Problem) => goesOn);
  const poller = new Poller({ everyMs: 1000, ask, failed }, page as unknown as Visibility);
  poller.start();
  return { page, failed, poller };
}

it('asks at once and then at its pace', async () => {
  const ask = vi.fn(async () => {});
  polling(ask);
  await vi.advanceTimersByTimeAsync(0);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(3000);
  expect(ask).toHaveBeenCalledTimes(4);
});

it('backs off while it fails, and not beyond half a minute', async () => {
  const ask = vi.fn(async () => {
    throw new Problem(503, 'away');
  });
  const { failed } = polling(ask);
  await vi.advanceTimersByTimeAsync(0);
  await vi.advanceTimersByTimeAsync(1999);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1 + 4000 + 8000 + 16_000);
  expect(ask).toHaveBeenCalledTimes(5);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(ask).toHaveBeenCalledTimes(6);
  expect(failed.mock.calls[0]?.[0]).toMatchObject({ status: 503 });
});

it('comes back when the service says', async () => {
  const ask = vi.fn(async () => {
    throw new Problem(429, 'rate_limited', 7000);
  });
  polling(ask);
  await vi.advanceTimersByTimeAsync(6999);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(ask).toHaveBeenCalledTimes(2);
});

it('is silent once it was told that asking makes no sense', async () => {
  const ask = vi.fn(async () => {
    throw new Problem(401, 'no_credentials');
  });
  const { page } = polling(ask, false);
  await vi.advanceTimersByTimeAsync(600_000);
  page.turn(true);
  page.turn(false);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(ask).toHaveBeenCalledTimes(1);
});

it('gives a request up when nobody looks, and asks anew when somebody does', async () => {
  const signals: AbortSignal[] = [];
  const ask = vi.fn(
    (signal: AbortSignal) =>
      new Promise<void>((_, refuse) => {
        signals.push(signal);
        signal.addEventListener('abort', () => refuse(signal.reason));
      }),
  );
  const { page, failed } = polling(ask);
  page.turn(true);
  expect(signals[0]?.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ask).toHaveBeenCalledTimes(1);
  page.turn(false);
  expect(ask).toHaveBeenCalledTimes(2);
  expect(failed).not.toHaveBeenCalled();
});

it('leaves nothing behind when stopped', async () => {
  const ask = vi.fn(async () => {});
  const { poller, page } = polling(ask);
  await vi.advanceTimersByTimeAsync(0);
  poller.stop();
  page.turn(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ask).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

it('comes back as late as it is told, however late that is', async () => {
  const ask = vi.fn(async () => {
    throw new Problem(503, 'overloaded', 90_000);
  });
  polling(ask);
  await vi.advanceTimersByTimeAsync(89_999);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(ask).toHaveBeenCalledTimes(2);
});
