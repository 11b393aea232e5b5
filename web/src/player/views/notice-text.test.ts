// What is said while it does not play.

import { describe, expect, it } from 'vitest';
import type { Playback, Progress } from '../state.ts';
import { playerWords } from '../words.ts';
import { announcementOf, awaitedMs, noticeOf } from './notice-text.ts';

const NOW = 1_000_000;
const words = playerWords('en');
const RECEIVING: Progress = {
  phase: 'receiving',
  attempt: 1,
  receivedBytes: 420,
  totalBytes: 1000,
  receivedSeconds: 15.4,
  reason: null,
  retryAtMs: null,
};

function notice(playback: Playback, progress: Progress | null = null, durationSeconds: number | null = 60) {
  const timeline = { second: 0, durationSeconds, buffered: [], hasEnded: false };
  return noticeOf({ playback, progress, timeline }, words, NOW);
}
const preparing = (checkAtMs: number | null = null): Playback => ({ name: 'preparing', sinceMs: NOW, checkAtMs });

describe('noticeOf', () => {
  it('is silent where there is nothing to say', () => {
    for (const name of ['idle', 'playing', 'paused'] as const) expect(notice({ name })).toBeNull();
  });

  it.each([
    ['queued', 'Queued'],
    ['connecting', 'Connecting…'],
    ['sealing', 'Nearly there…'],
    [null, 'Waiting for the recording…'],
  ] as const)('says the phase %s', (phase, title) => {
    expect(notice(preparing(), { ...RECEIVING, phase, receivedBytes: 0, totalBytes: null })).toEqual({
      kind: 'strip',
      title,
      details: [],
      reason: null,
      percent: null,
    });
  });

  it('says how much can be heard already', () => {
    expect(notice(preparing(), RECEIVING)).toMatchObject({ percent: 42, details: ['42%', '15 s of 60 s'] });
    expect(notice(preparing(), { ...RECEIVING, receivedSeconds: 130 }, 600)).toMatchObject({
      details: ['42%', '2:10 of 10:00'],
    });
    expect(notice(preparing(), RECEIVING, null)).toMatchObject({ details: ['42%'] });
    expect(notice(preparing(), { ...RECEIVING, totalBytes: null })).toMatchObject({
      percent: null,
      details: ['420 byte'],
    });
  });

  it('says how far it is while the browser gathers what it wants to have before it sounds', () => {
    expect(notice({ name: 'starting' }, RECEIVING)).toMatchObject({ percent: 42, details: ['42%', '15 s of 60 s'] });
    expect(notice({ name: 'stalled' }, RECEIVING)).toMatchObject({ percent: 42 });
    expect(notice({ name: 'starting' })).toMatchObject({ percent: null, details: [] });
  });

  it('says why it is not here, which attempt that was, and when the next one is', () => {
    const progress = {
      ...RECEIVING,
      phase: null,
      receivedBytes: 0,
      attempt: 2,
      reason: 'the source answered 503',
      retryAtMs: NOW + 11_400,
    };
    expect(notice(preparing(), progress)).toMatchObject({
      title: 'Waiting for the recording…',
      details: ['Attempt 2', 'Trying again in 12 s'],
      reason: 'the source answered 503',
    });
    expect(notice(preparing(), { ...progress, retryAtMs: NOW - 1 })).toMatchObject({
      details: ['Attempt 2', 'Trying again…'],
    });
  });

  it('says when it looks again, where that is long', () => {
    expect(notice(preparing(NOW + 8000))).toMatchObject({ details: ['Next look in 8 s'] });
    expect(notice(preparing(NOW + 2000))).toMatchObject({ details: [] });
  });

  it('says that playback goes on by itself', () => {
    expect(notice({ name: 'recovering', why: 'offline', checkAtMs: NOW + 3000 })).toMatchObject({
      title: 'Connection lost. Playback goes on at the same second.',
      details: ['Trying again in 3 s'],
    });
  });

  it('offers to try again only where that makes sense, and not before it does', () => {
    const stopped = (retry: 'never' | 'now' | { notBeforeMs: number }) =>
      notice({ name: 'stopped', why: 'unavailable', retry });
    expect(stopped('never')).toMatchObject({ kind: 'card', retryInSeconds: null });
    expect(stopped('now')).toMatchObject({ retryInSeconds: 0 });
    expect(stopped({ notBeforeMs: NOW + 11_001 })).toMatchObject({ retryInSeconds: 12 });
    expect(stopped({ notBeforeMs: NOW - 5 })).toMatchObject({
      title: 'The service is busy just now.',
      advice: 'Wait a moment, then try again.',
      retryInSeconds: 0,
    });
  });
});

describe('announcementOf', () => {
  it('does not change with each percent', () => {
    const said = [0, 420, 999].map((receivedBytes) =>
      announcementOf({ playback: preparing(), progress: { ...RECEIVING, receivedBytes } }, words),
    );
    expect(new Set(said)).toEqual(new Set(['Receiving…']));
  });

  it('says why it stopped and what to do', () => {
    const playback: Playback = { name: 'stopped', why: 'offline', retry: 'now' };
    expect(announcementOf({ playback, progress: null }, words)).toBe(
      'The service cannot be reached. Check your connection, then try again.',
    );
  });
});

it('counts down only to what is awaited', () => {
  const awaited = (playback: Playback, progress: Progress | null = null) => awaitedMs({ playback, progress });
  expect(awaited({ name: 'stopped', why: 'too_often', retry: { notBeforeMs: 7 } })).toBe(7);
  expect(awaited({ name: 'stopped', why: 'too_often', retry: 'now' })).toBeNull();
  expect(awaited(preparing(5))).toBe(5);
  expect(awaited(preparing(5), { ...RECEIVING, retryAtMs: 9 })).toBe(9);
  expect(awaited({ name: 'playing' })).toBeNull();
});
