// What is said of a recording that does not play (yet): pure.

import { percentOf, playingTime } from '../../words/formats.ts';
import type { Playback, PlayerState, Progress } from '../state.ts';
import type { PlayerWords } from '../words.ts';

/** A thin bar and a line or two: something is under way. */
export interface Strip {
  readonly kind: 'strip';
  readonly title: string;
  /** `42 % · 15 s of 60 s`, `Attempt 2`, when it is tried again. */
  readonly details: readonly string[];
  /** In the service's words, which are English. */
  readonly reason: string | null;
  /** Null: there is no telling. */
  readonly percent: number | null;
}

/** Nothing happens unless somebody does something. */
export interface Card {
  readonly kind: 'card';
  readonly title: string;
  readonly advice: string;
  /** Null: trying again makes no sense. Above 0: not before so many seconds. */
  readonly retryInSeconds: number | null;
}

export function noticeOf(
  state: Pick<PlayerState, 'playback' | 'progress' | 'timeline'>,
  words: PlayerWords,
  nowMs: number,
) {
  const { playback } = state;
  switch (playback.name) {
    case 'idle':
    case 'playing':
    case 'paused':
      return null;
    case 'starting':
    case 'stalled':
      return awaitingSound(state, playback.name, words);
    case 'preparing':
      return preparing(state, playback.checkAtMs, words, nowMs);
    case 'recovering':
      return recovering(state, playback, words, nowMs);
    case 'stopped':
      return card(playback, words, nowMs);
  }
}

/** Known without the time: what the waveform below it hangs on. */
export function noticeKindOf({ name }: Playback): 'strip' | 'card' | null {
  if (name === 'stopped') return 'card';
  return name === 'idle' || name === 'playing' || name === 'paused' ? null : 'strip';
}

/** What a screen reader is told: that something else is the case, not how it moves on. */
export function announcementOf(
  { playback, progress }: Pick<PlayerState, 'playback' | 'progress'>,
  words: PlayerWords,
): string {
  switch (playback.name) {
    case 'idle':
      return '';
    case 'preparing':
      return progress === null ? words.say('state_preparing') : words.say(phaseKey(progress));
    case 'stopped':
      return `${words.say(`why_${playback.why}`)} ${words.say(`todo_${playback.why}`)}`;
    case 'starting':
    case 'playing':
    case 'paused':
    case 'stalled':
    case 'recovering':
      return words.say(`state_${playback.name}`);
  }
}

/** The next moment on which what `noticeOf` says hangs, so that it is said anew each second until then. */
export function awaitedMs({ playback, progress }: Pick<PlayerState, 'playback' | 'progress'>): number | null {
  if (playback.name === 'stopped') return typeof playback.retry === 'object' ? playback.retry.notBeforeMs : null;
  if (playback.name === 'preparing') return progress?.retryAtMs ?? playback.checkAtMs;
  return playback.name === 'recovering' ? playback.checkAtMs : null;
}

function preparing(
  { progress, timeline }: Pick<PlayerState, 'progress' | 'timeline'>,
  checkAtMs: number | null,
  words: PlayerWords,
  nowMs: number,
): Strip {
  if (progress === null) return strip(words.say('state_preparing'), lookAgain(checkAtMs, words, nowMs));
  const percent = percentOf(progress.receivedBytes, progress.totalBytes);
  const details = [
    ...received(progress, percent, timeline.durationSeconds, words),
    ...(progress.attempt > 1 ? [words.say('attempt', { count: progress.attempt })] : []),
    ...again(progress.retryAtMs, 'tried_in', words, nowMs),
  ];
  return { kind: 'strip', title: words.say(phaseKey(progress)), details, reason: progress.reason, percent };
}

/** The browser gathers what it wants to have before it sounds, which may take as long as all else. */
function awaitingSound(
  { progress, timeline }: Pick<PlayerState, 'progress' | 'timeline'>,
  name: 'starting' | 'stalled',
  words: PlayerWords,
): Strip {
  const notice = strip(words.say(`state_${name}`));
  if (progress === null) return notice;
  const percent = percentOf(progress.receivedBytes, progress.totalBytes);
  return { ...notice, percent, details: received(progress, percent, timeline.durationSeconds, words) };
}

function recovering(
  state: Pick<PlayerState, 'progress' | 'timeline'>,
  { why, checkAtMs }: Extract<Playback, { name: 'recovering' }>,
  words: PlayerWords,
  nowMs: number,
): Strip {
  const percent = state.progress && percentOf(state.progress.receivedBytes, state.progress.totalBytes);
  const title = why === 'offline' ? words.say('state_recovering') : words.say(`why_${why}`);
  return { ...strip(title, again(checkAtMs, 'tried_in', words, nowMs)), percent };
}

function card({ why, retry }: Extract<Playback, { name: 'stopped' }>, words: PlayerWords, nowMs: number): Card {
  const retryInSeconds = retry === 'never' ? null : retry === 'now' ? 0 : secondsUntil(retry.notBeforeMs, nowMs);
  return { kind: 'card', title: words.say(`why_${why}`), advice: words.say(`todo_${why}`), retryInSeconds };
}

function strip(title: string, details: readonly string[] = []): Strip {
  return { kind: 'strip', title, details, reason: null, percent: null };
}

function phaseKey({ phase }: Progress) {
  return `phase_${phase ?? 'waiting'}` as const;
}

function received(
  { receivedBytes, receivedSeconds }: Progress,
  percent: number | null,
  durationSeconds: number | null,
  words: PlayerWords,
): readonly string[] {
  const { say, formats } = words;
  if (percent === null) return receivedBytes > 0 ? [formats.bytes(receivedBytes)] : [];
  if (receivedBytes === 0) return [];
  if (receivedSeconds === null || durationSeconds === null) return [formats.percent(percent)];
  const [part, whole] = [lengthOf(receivedSeconds, words), lengthOf(durationSeconds, words)];
  return [formats.percent(percent), say('received_seconds', { received: part, total: whole })];
}

/** `15 s`, and from a minute and a half on `1:30`. */
export function lengthOf(seconds: number, { say }: PlayerWords): string {
  return seconds < 90 ? say('seconds', { count: Math.floor(seconds) }) : playingTime(seconds);
}

function lookAgain(checkAtMs: number | null, words: PlayerWords, nowMs: number): readonly string[] {
  // Checks a moment away are no news.
  return checkAtMs !== null && checkAtMs - nowMs > 3000 ? again(checkAtMs, 'checked_in', words, nowMs) : [];
}

function again(
  atMs: number | null,
  key: 'tried_in' | 'checked_in',
  words: PlayerWords,
  nowMs: number,
): readonly string[] {
  if (atMs === null) return [];
  const seconds = secondsUntil(atMs, nowMs);
  return [seconds > 0 ? words.say(key, { time: lengthOf(seconds, words) }) : words.say('tried_now')];
}

export function secondsUntil(atMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((atMs - nowMs) / 1000));
}
