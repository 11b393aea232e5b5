// What happens to somebody who presses play: stories of the machine, with their requests counted.

import { describe, expect, test } from 'vitest';
import type { Event } from './machine.ts';
import { createRig, inTurn, PLAYABLE, preparing, type Rig, type RigOptions, refused, SILENCE } from './rig.ts';

const FAILED: Event = { type: 'media_failed', code: 2 };
const BROKEN: Event = { type: 'media_failed', code: 3 };
const MINUTE_MS = 60_000;

function pressed(options: RigOptions = {}): Rig {
  const rig = createRig(options);
  rig.tell({ type: 'play' });
  return rig;
}

function playingAt(second: number, options: RigOptions = {}): Rig {
  const rig = pressed(options);
  rig.pass(5_000);
  rig.tell({ type: 'media_time', second });
  expect(rig.playback.name).toBe('playing');
  return rig;
}

const loads = (rig: Rig) => rig.ordered.flatMap(({ effect }) => (effect.type === 'load' ? [effect.second] : []));
const orders = (rig: Rig) => rig.ordered.map(({ effect }) => effect.type);

describe('before the first sound', () => {
  test('what is here plays after one check', () => {
    const rig = pressed({ second: 12 });
    expect(orders(rig)).toEqual(['unlock', 'check', 'address', 'load', 'play']);
    expect(loads(rig)).toEqual([12]);
    expect(rig.playback).toEqual({ name: 'playing' });
  });

  test('what is not here is asked for again after 3, 5, 8, 10 and then always 15 seconds', () => {
    const rig = pressed({ answer: () => preparing() });
    rig.pass(72_000);
    expect(pausesOf(rig)).toEqual([3_000, 5_000, 8_000, 10_000, 15_000, 15_000, 15_000]);
    expect(rig.playback).toEqual({ name: 'preparing', sinceMs: 0, checkAtMs: 86_000 });
  });

  test('Retry-After is honoured', () => {
    const rig = pressed({ answer: inTurn(preparing(7_000), preparing(2_000), preparing(), PLAYABLE) });
    rig.pass(MINUTE_MS);
    expect(pausesOf(rig)).toEqual([7_000, 2_000, 8_000]);
    expect(rig.playback.name).toBe('playing');
  });

  test('after three minutes it is for somebody to ask again', () => {
    const rig = pressed({ answer: () => preparing() });
    rig.pass(3 * MINUTE_MS - 1);
    expect(rig.playback.name).toBe('preparing');
    rig.pass(1);
    expect(rig.playback).toEqual({ name: 'stopped', why: 'took_too_long', retry: 'now' });
    const checks = rig.checksAtMs.length;
    expect(checks).toBeLessThanOrEqual(15);
    rig.pass(60 * MINUTE_MS);
    expect(rig.checksAtMs.length).toBe(checks);
    rig.tell({ type: 'retry' });
    expect(rig.playback.name).toBe('preparing');
    expect(rig.checksAtMs.length).toBe(checks + 1);
  });

  test('an announcement brings the next check forward, a few times', () => {
    const rig = pressed({ answer: () => preparing(15_000) });
    for (let quarter = 0; quarter < 4 * 14; quarter++) {
      rig.pass(250);
      rig.tell({ type: 'announced' });
    }
    expect(rig.checksAtMs).toEqual([0, 1_000, 2_000, 3_000]);
  });

  test('there is one check at a time, however slow its answer and however many announcements', () => {
    const rig = pressed({ answer: () => SILENCE });
    for (let second = 0; second < 14; second++) {
      rig.pass(1_000);
      for (const type of ['announced', 'online', 'play', 'retry', 'arriving'] as const) rig.tell({ type });
    }
    expect(rig.checksAtMs).toEqual([0]);
  });

  test('a check that is never answered is no answer', () => {
    const rig = pressed({ answer: inTurn(SILENCE, PLAYABLE) });
    rig.pass(15_000);
    expect(orders(rig)).toEqual(['unlock', 'check', 'cancel']);
    rig.pass(1_000);
    expect(rig.playback.name).toBe('playing');
  });

  test('paused, it goes on preparing and makes no sound', () => {
    const rig = pressed({ answer: inTurn(preparing(), PLAYABLE), second: 4 });
    rig.tell({ type: 'pause' });
    rig.pass(3_000);
    expect(rig.playback).toEqual({ name: 'paused' });
    expect(loads(rig)).toEqual([4]);
    expect(orders(rig)).not.toContain('play');
    rig.tell({ type: 'play' });
    expect(orders(rig)).toContain('play');
  });

  test('whoever seeks before it plays hears that second first', () => {
    const rig = createRig({ answer: inTurn(preparing(), PLAYABLE) });
    rig.tell({ type: 'seek', second: 10 });
    rig.tell({ type: 'play' });
    rig.tell({ type: 'seek', second: 20 });
    rig.pass(3_000);
    expect(loads(rig)).toEqual([20]);
  });

  test('a browser that wants another press pauses it, with bytes there', () => {
    const rig = pressed({ media: () => ({ type: 'play_refused' }) });
    expect(rig.playback).toEqual({ name: 'paused' });
    rig.tell({ type: 'play' });
    expect(orders(rig).slice(-1)).toEqual(['play']);
    expect(rig.checksAtMs.length).toBe(1);
  });

  test('an audio element that says nothing at all is given up', () => {
    const rig = pressed({ media: () => null });
    rig.pass(10 * MINUTE_MS);
    expect(rig.playback).toEqual({ name: 'stopped', why: 'took_too_long', retry: 'now' });
    expect(loads(rig).length).toBe(3);
  });

  test('an audio element that is slow is not given up while bytes arrive', () => {
    const rig = pressed({ media: () => null });
    for (let tenth = 0; tenth < 10; tenth++) {
      rig.pass(10_000);
      rig.tell({ type: 'arriving' });
    }
    expect(rig.playback.name).toBe('starting');
    expect(loads(rig).length).toBe(1);
  });
});

describe('in mid-play', () => {
  test('a cut goes on at the same second', () => {
    const rig = playingAt(17.25);
    rig.tell(FAILED);
    expect(rig.playback).toEqual({ name: 'playing' });
    expect(loads(rig)).toEqual([0, 17.25]);
    expect(rig.checksAtMs.length).toBe(2);
  });

  test('silence of six seconds is a cut', () => {
    const rig = playingAt(17.25);
    rig.tell({ type: 'media_waiting' });
    rig.pass(5_000);
    rig.tell({ type: 'media_data' });
    rig.pass(5_999);
    expect(rig.playback).toEqual({ name: 'stalled' });
    rig.pass(1);
    expect(loads(rig)).toEqual([0, 17.25]);
  });

  test('a server that restarts is waited for', () => {
    const down = refused(0, 'offline');
    const rig = playingAt(17, { answer: inTurn(PLAYABLE, down, refused(502, 'unknown'), preparing(2_000), PLAYABLE) });
    rig.tell(FAILED);
    expect(rig.playback).toEqual({ name: 'recovering', why: 'offline', checkAtMs: rig.nowMs + 1_000 });
    rig.pass(1_000);
    expect(rig.playback).toMatchObject({ name: 'recovering', why: 'unavailable' });
    rig.pass(4_000);
    expect(rig.playback).toEqual({ name: 'playing' });
    expect(loads(rig)).toEqual([0, 17]);
  });

  test('a connection that comes back is noticed at once', () => {
    const rig = playingAt(17, { answer: (check) => (check === 0 || check > 5 ? PLAYABLE : refused(0, 'offline')) });
    rig.tell(FAILED);
    rig.pass(18_000);
    const checks = rig.checksAtMs.length;
    expect(checks).toBe(6);
    rig.tell({ type: 'online' });
    expect(rig.checksAtMs.length).toBe(7);
    expect(rig.playback).toEqual({ name: 'playing' });
  });

  test('what was paused stays paused, and is asked for again when sound is wanted', () => {
    const rig = playingAt(17);
    rig.tell({ type: 'pause' });
    rig.tell(FAILED);
    rig.pass(MINUTE_MS);
    expect(rig.playback).toEqual({ name: 'paused' });
    expect(rig.checksAtMs.length).toBe(1);
    rig.tell({ type: 'play' });
    expect(loads(rig)).toEqual([0, 17]);
  });

  test('whoever pauses while it recovers finds it paused', () => {
    const rig = playingAt(17, { answer: inTurn(PLAYABLE, preparing(3_000), PLAYABLE) });
    rig.tell(FAILED);
    rig.tell({ type: 'pause' });
    rig.pass(3_000);
    expect(rig.playback).toEqual({ name: 'paused' });
    expect(orders(rig).filter((type) => type === 'play').length).toBe(1);
  });

  test('an audio element that gets its bytes after all is left alone', () => {
    const rig = playingAt(17, { answer: inTurn(PLAYABLE, SILENCE) });
    rig.tell({ type: 'media_waiting' });
    rig.pass(6_000);
    expect(rig.playback.name).toBe('recovering');
    rig.tell({ type: 'media_playing' });
    expect(rig.playback).toEqual({ name: 'playing' });
    expect(rig.underWay).toBe(0);
    expect(loads(rig)).toEqual([0]);
  });

  test('what fails three times at one place cannot be played', () => {
    const rig = playingAt(17, { media: (load) => (load === 0 ? { type: 'media_playing' } : BROKEN) });
    rig.tell(BROKEN);
    rig.pass(MINUTE_MS);
    expect(rig.playback).toEqual({ name: 'stopped', why: 'unplayable', retry: 'now' });
    expect(loads(rig)).toEqual([0, 17, 17]);
  });

  test('what fails here and there, and plays on in between, is not given up', () => {
    const rig = playingAt(1);
    for (let second = 10; second < 100; second += 10) {
      rig.tell({ type: 'media_time', second });
      rig.tell(FAILED);
      rig.pass(5_000);
      expect(rig.playback.name).toBe('playing');
      rig.tell({ type: 'media_time', second: second + 3 });
    }
  });

  test('an end that comes far too early is a cut, unless it comes again and again', () => {
    const rig = playingAt(20, { leastSeconds: 58 });
    rig.tell({ type: 'media_ended' });
    rig.pass(5_000);
    expect(rig.playback).toEqual({ name: 'playing' });
    expect(loads(rig)).toEqual([0, 20]);
    rig.tell({ type: 'media_ended' });
    rig.pass(5_000);
    rig.tell({ type: 'media_ended' });
    expect(rig.playback).toEqual({ name: 'paused' });
    expect(rig.life.hasEnded).toBe(true);
  });

  test('after the end it begins at the beginning', () => {
    const rig = playingAt(59.5, { leastSeconds: 58 });
    rig.tell({ type: 'media_ended' });
    expect(rig.life).toMatchObject({ hasEnded: true, second: 59.5 });
    rig.tell({ type: 'play' });
    expect(rig.life).toMatchObject({ hasEnded: false, second: 0 });
    expect(orders(rig).slice(-2)).toEqual(['seek', 'play']);
  });
});

describe('links', () => {
  const expired = refused(401, 'link_expired');

  test('one that has expired is renewed, and it goes on at the same second', () => {
    let renewals = 0;
    const renew = () => ++renewals > 0;
    const rig = playingAt(17, { answer: inTurn(PLAYABLE, expired, PLAYABLE), renew });
    rig.tell(FAILED);
    rig.pass(1_000);
    expect(rig.playback).toEqual({ name: 'playing' });
    expect(loads(rig)).toEqual([0, 17]);
    expect(renewals).toBe(1);
  });

  test('a page that has none is asked once', () => {
    const rig = pressed({ answer: () => expired });
    expect(rig.playback).toEqual({ name: 'stopped', why: 'link_expired', retry: 'now' });
    expect(orders(rig)).toEqual(['unlock', 'check', 'renew_link', 'unload']);
  });

  test('a page that says nothing is waited for half a minute', () => {
    const rig = pressed({ answer: () => expired, renew: () => false });
    rig.pass(30_000);
    expect(rig.playback).toMatchObject({ name: 'stopped', why: 'link_expired' });
    rig.tell({ type: 'renewed' });
    expect(rig.checksAtMs.length).toBe(2);
  });

  test('links that are of no use are not asked for again and again', () => {
    let renewals = 0;
    const rig = pressed({ answer: () => expired, renew: () => ++renewals > 0 });
    rig.pass(10 * MINUTE_MS);
    expect(rig.playback).toMatchObject({ name: 'stopped', why: 'link_expired' });
    expect([renewals, rig.checksAtMs.length]).toEqual([2, 3]);
  });

  test('a link that came while the old one was refused is tried', () => {
    const rig = pressed({ answer: inTurn(SILENCE, PLAYABLE), renew: null });
    rig.tell({ type: 'renewed' });
    rig.tell({ type: 'request_failed', request: 1, fault: { status: 401, code: 'link_expired', retryAfterMs: null } });
    rig.pass(1_000);
    expect(rig.playback).toEqual({ name: 'playing' });
    expect(orders(rig)).not.toContain('renew_link');
  });

  test('signing in goes on where it stopped', () => {
    const rig = playingAt(17, { answer: inTurn(PLAYABLE, refused(401, 'no_credentials'), PLAYABLE) });
    rig.tell(FAILED);
    expect(rig.playback).toEqual({ name: 'stopped', why: 'signed_out', retry: 'now' });
    rig.pass(MINUTE_MS);
    rig.tell({ type: 'renewed' });
    expect(loads(rig)).toEqual([0, 17]);
    expect(rig.playback).toEqual({ name: 'playing' });
  });
});

describe('refusals', () => {
  const until = (notBeforeMs: number) => ({ notBeforeMs });
  const rows = [
    [refused(401, 'no_credentials'), 'signed_out', 'now', 1],
    [refused(403, 'not_for_this_role'), 'not_allowed', 'never', 1],
    [refused(404, 'no_such_call'), 'no_such_call', 'never', 1],
    [refused(404, 'no_recording'), 'no_recording', 'never', 1],
    [refused(404, 'recording_absent'), 'recording_absent', 'never', 1],
    [refused(404, 'recording_failed'), 'recording_failed', 'never', 1],
    [refused(404, 'recording_deleted'), 'recording_deleted', 'never', 1],
    [refused(404, 'recording_missing'), 'recording_missing', 'never', 1],
    [refused(404, 'unknown'), 'no_such_call', 'never', 1],
    [refused(410, 'recording_expired'), 'recording_expired', 'never', 1],
    [refused(410, 'recording_erased'), 'recording_erased', 'never', 1],
    [refused(429, 'rate_limited', 2_000), 'too_often', until(10_000), 5],
    [refused(429, 'rate_limited', 600_000), 'too_often', until(600_000), 1],
    [refused(500, 'source_refused_credentials'), 'source_refused_credentials', 'now', 1],
    [refused(500, 'internal'), 'broken', 'now', 1],
    [refused(503, 'attempts_exhausted', 90_000), 'attempts_exhausted', until(90_000), 1],
    [refused(503, 'away', 5_000), 'unavailable', until(35_000), 7],
    [refused(503, 'overloaded'), 'unavailable', 'now', 7],
    [refused(504, 'unknown'), 'unavailable', 'now', 7],
    [refused(0, 'offline'), 'offline', 'now', 9],
    [refused(200, 'unknown'), 'broken', 'now', 1],
    [refused(416, 'range_not_satisfiable'), 'broken', 'now', 1],
  ] as const;

  test.each(rows)('%j', (answer, why, retry, checks) => {
    const rig = pressed({ answer: () => answer });
    rig.pass(3 * MINUTE_MS);
    expect(rig.playback).toEqual({ name: 'stopped', why, retry });
    expect(rig.checksAtMs.length).toBe(checks);
    rig.pass(60 * MINUTE_MS);
    expect(rig.checksAtMs.length).toBe(checks);
  });

  test('nobody asks before the moment that the service named', () => {
    const rig = pressed({ answer: () => refused(503, 'attempts_exhausted', 90_000) });
    rig.tell({ type: 'retry' });
    rig.tell({ type: 'play' });
    rig.pass(89_999);
    rig.tell({ type: 'retry' });
    expect(rig.checksAtMs.length).toBe(1);
    rig.pass(1);
    rig.tell({ type: 'retry' });
    expect(rig.checksAtMs.length).toBe(2);
  });

  test('a service that comes to itself is played from', () => {
    const rig = pressed({ answer: inTurn(refused(503, 'away', 5_000), refused(429, 'rate_limited', 1_000), PLAYABLE) });
    rig.pass(6_000);
    expect(rig.checksAtMs).toEqual([0, 5_000, 6_000]);
    expect(rig.playback).toEqual({ name: 'playing' });
  });
});

function pausesOf({ checksAtMs }: Rig): readonly number[] {
  return checksAtMs.slice(1).map((atMs, index) => atMs - (checksAtMs[index] ?? 0));
}
