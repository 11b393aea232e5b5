// Whatever happens, in whatever order: what the machine promises holds. Each run is told by its seed.

import { expect, test } from 'vitest';
import { deadlineOf } from './life.ts';
import type { Effect, Event } from './machine.ts';
import { type Answer, createRig, PLAYABLE, preparing, type Rig, refused, SILENCE } from './rig.ts';

const SEEDS = 100;
const EVENTS = 500;
const MINUTE_MS = 60_000;
/** Between two checks; and so between two addresses or links, each of which needs a check of its own. */
const APART_MS = 1_000;

const ANSWERS: readonly Answer[] = [
  PLAYABLE,
  PLAYABLE,
  SILENCE,
  preparing(),
  preparing(0),
  preparing(2_000),
  refused(0, 'offline'),
  refused(401, 'no_credentials'),
  refused(401, 'link_expired'),
  refused(404, 'no_such_call'),
  refused(429, 'rate_limited', 0),
  refused(500, 'internal'),
  refused(503, 'attempts_exhausted', 1_000),
  refused(503, 'away', 0),
];

test.each(Array.from({ length: SEEDS }, (_, seed) => [seed]))('seed %i', (seed) => {
  const random = randomOf(seed);
  /** Much happens in a short time. */
  const isHectic = seed % 2 === 1;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const rig = createRig({
    answer: () => pick(ANSWERS),
    renew: () => random() < 0.7,
    leastSeconds: 58,
    media: () => pick<Event | null>([{ type: 'media_playing' }, { type: 'media_failed', code: 4 }, null]),
  });
  for (let count = 0; count < EVENTS; count++) {
    // The rig itself throws where two requests are under way.
    if (random() < 0.3) rig.pass(Math.floor(random() ** 4 * (isHectic ? 500 : 20_000)));
    rig.tell(eventOf(random, pick, rig));
    waitsForSomebody(rig);
  }
  boundsRequests(rig);
  endsByItself(rig);
});

/** Nothing that is shown as going on waits for nobody: there is no endless spinner. */
function waitsForSomebody(rig: Rig): void {
  const isGoingOn = ['preparing', 'starting', 'stalled', 'recovering'].includes(rig.playback.name);
  expect(deadlineOf(rig.life) !== null).toBe(isGoingOn);
}

function boundsRequests({ checksAtMs, ordered }: Rig): void {
  checksAtMs.slice(1).forEach((atMs, index) => {
    expect(atMs - (checksAtMs[index] ?? 0)).toBeGreaterThanOrEqual(APART_MS);
  });
  const count = (type: Effect['type']) => ordered.filter(({ effect }) => effect.type === type).length;
  expect(count('address') + count('renew_link')).toBeLessThanOrEqual(count('check'));
}

/** Left alone, it comes to rest within a few patiences, and stays there. */
function endsByItself(rig: Rig): void {
  rig.pass(30 * MINUTE_MS);
  expect(['idle', 'playing', 'paused', 'stopped']).toContain(rig.playback.name);
  const orders = rig.ordered.length;
  rig.pass(60 * MINUTE_MS);
  expect(rig.ordered.length).toBe(orders);
}

function eventOf(random: () => number, pick: <T>(list: readonly T[]) => T, { life }: Rig): Event {
  const request = Math.max(0, life.request - Math.floor(random() * 2));
  const fault = { status: pick([0, 401, 404, 500, 503]), code: 'link_expired', retryAfterMs: pick([null, 0, 5_000]) };
  return pick<Event>([
    { type: 'play' },
    { type: 'play' },
    { type: 'pause' },
    { type: 'retry' },
    { type: 'seek', second: random() * 60 },
    { type: 'renewed' },
    { type: 'check_playable', request },
    { type: 'check_preparing', request, retryAfterMs: 0 },
    { type: 'request_failed', request, fault },
    { type: 'link_refused', request },
    { type: 'time_passed' },
    { type: 'announced' },
    { type: 'arriving' },
    { type: 'online' },
    { type: 'media_playing' },
    { type: 'media_waiting' },
    { type: 'media_data' },
    { type: 'media_time', second: life.second + random() * 3 },
    { type: 'media_paused' },
    { type: 'media_ended' },
    { type: 'media_failed', code: pick([2, 3, 4]) },
    { type: 'play_refused' },
  ]);
}

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
